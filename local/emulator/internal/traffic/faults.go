package traffic

import (
	"net/http"
	"path"
	"sync"
	"time"
)

// Fault is something that goes wrong with a request: what it strikes and how.
// Faults are data, so that a test can try each at every request.
type Fault struct {
	// What it strikes. Zero values match everything.
	Method string // exact
	Path   string // a pattern of path.Match, over the whole path
	Skip   int    // leave that many matching requests alone first
	Times  int    // strike that many; 0 means once, negative without end

	// How it strikes.
	Delay     time.Duration // on the emulator's clock, before anything else
	Status    int           // answer with this status instead
	Header    http.Header   // with Status
	Body      string        // with Status: as it is; an empty one has no Content-Type
	DropFirst bool          // cut the connection before the request takes effect
	DropAfter bool          // let it take effect, then cut the connection
	Half      bool          // let it take effect, then send half of the body
	NotJSON   bool          // let it take effect, then answer 200 with HTML
}

func (f *Fault) name() string {
	switch {
	case f.DropFirst:
		return "drop-first"
	case f.DropAfter:
		return "drop-after"
	case f.Half:
		return "half-body"
	case f.NotJSON:
		return "not-json"
	case f.Status != 0:
		return http.StatusText(f.Status)
	default:
		return "delay"
	}
}

func (f *Fault) matches(r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method {
		return false
	}
	if f.Path == "" {
		return true
	}
	ok, err := path.Match(f.Path, r.URL.Path)
	return err == nil && ok
}

// faults holds those that are armed.
type faults struct {
	mu    sync.Mutex
	armed []*Fault
}

func (fs *faults) arm(f Fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	fs.armed = append(fs.armed, &f)
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.armed = nil
}

// strike returns the first armed fault that is due for r, or nil.
func (fs *faults) strike(r *http.Request) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.armed {
		if f.Times == 0 || !f.matches(r) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		struck := *f
		return &struck
	}
	return nil
}

// left returns those that can still strike.
func (fs *faults) left() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	left := []Fault{}
	for _, f := range fs.armed {
		if f.Times != 0 {
			left = append(left, *f)
		}
	}
	return left
}
