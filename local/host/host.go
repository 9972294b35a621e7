// Package host runs functions for the emulator as the platform does: an
// uploaded archive is checked and built by package platform, and then runs as
// a process of its own for each instance, with the function's environment and
// nothing inherited; one request at a time per instance, as many instances as
// the function may have, none when it is idle.
//
// It runs what is uploaded, with the rights of whoever runs the emulator: there
// is no sandbox. Processes listen on loopback, and end with Close.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/platform"
)

// Options set up a host.
type Options struct {
	// Clock tells how long instances have been idle: the emulator's own. nil:
	// a clock that runs as real time does.
	Clock *emulator.Clock
	// Env is added to the environment of every process, over all else: what
	// the platform's network would be, such as HTTPS_PROXY and SSL_CERT_FILE.
	// It is asked for at each start. nil: nothing.
	Env func() []string
	// Log, if not nil, gets each line that functions write, after their name.
	Log io.Writer
	// After tells when a request has had its time. nil: time.After.
	After func(time.Duration) <-chan time.Time
	// Watch, if not nil, is called with the number of processes whenever it
	// has changed. It must return soon.
	Watch func(processes int)
}

// The platform's limits (A75), and ours of what should take a moment.
const (
	idleLast    = 15 * time.Minute // before the last instance ends
	idleSurplus = 30 * time.Second // before others do
	startLimit  = 30 * time.Second // until an instance listens
	endLimit    = 5 * time.Second  // from SIGTERM to SIGKILL
)

// Host implements emulator.Host.
type Host struct {
	options Options
	root    string // of all that is built
	starts  chan func()
	closing chan struct{}
	once    sync.Once // of closing
	last    sync.Once // of starts

	logging sync.Mutex // of options.Log

	mu        sync.Mutex
	processes map[*instance]struct{}
	revisions map[*revision]struct{}
	under     sync.WaitGroup // way: deployments and processes
}

// New returns a host without functions. Close ends it.
func New(o Options) (*Host, error) {
	if o.Clock == nil {
		o.Clock = emulator.NewClock()
	}
	if o.Env == nil {
		o.Env = func() []string { return nil }
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Watch == nil {
		o.Watch = func(int) {}
	}
	root, err := os.MkdirTemp("", "scaleway-functions-")
	if err != nil {
		return nil, err
	}
	h := &Host{
		options: o, root: root, closing: make(chan struct{}), starts: make(chan func()),
		processes: map[*instance]struct{}{}, revisions: map[*revision]struct{}{},
	}
	go h.start()
	return h, nil
}

// start starts all processes from one thread, which lasts as long as the host:
// where the system can (apart), they end with it, whatever ends it.
func (h *Host) start() {
	runtime.LockOSThread()
	for start := range h.starts {
		start()
	}
}

// hosted is the only runtime there is here.
const hosted = "go126"

// Deploy implements emulator.Host.
func (h *Host) Deploy(ctx context.Context, d emulator.Deployment) (emulator.Revision, error) {
	if !h.begin() {
		return nil, errClosing
	}
	defer h.under.Done()
	ctx, cancel := h.untilClosed(ctx)
	defer cancel()
	if d.Runtime != hosted {
		return nil, fmt.Errorf("runtime %s: this host runs %s only", d.Runtime, hosted)
	}
	d.Step("step 1 of 3: archive check in progress")
	if err := platform.Check(d.Archive, d.Handler); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(h.root, "revision-")
	if err != nil {
		return nil, err
	}
	r := newRevision(h, d, dir)
	d.Step("step 2 of 3: function build in progress")
	if err := platform.Build(ctx, d.Archive, d.Handler, r.binary()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	d.Step("step 3 of 3: function start in progress")
	h.keep(r)
	if err := r.open(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

var errClosing = errors.New("the host is ending")

// begin tells whether something may still begin; under.Done ends it.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isClosing() {
		return false
	}
	h.under.Add(1)
	return true
}

// untilClosed is ctx, which Close ends too.
func (h *Host) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-h.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (h *Host) keep(r *revision) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.revisions[r] = struct{}{}
}

func (h *Host) forget(r *revision) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.revisions, r)
}

func (h *Host) isClosing() bool {
	select {
	case <-h.closing:
		return true
	default:
		return false
	}
}

// Close ends every process, cutting what it is at, and removes what was built.
func (h *Host) Close() error {
	h.once.Do(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		close(h.closing)
		for i := range h.processes {
			go i.end()
		}
	})
	h.under.Wait()
	h.last.Do(func() { close(h.starts) })
	h.mu.Lock()
	all := slices.Collect(maps.Keys(h.revisions))
	h.mu.Unlock()
	for _, r := range all {
		r.Close()
	}
	return os.RemoveAll(h.root)
}

// count takes a process in or out, and tells whoever watches.
func (h *Host) count(i *instance, runs bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if runs {
		h.processes[i] = struct{}{}
	} else {
		delete(h.processes, i)
	}
	h.options.Watch(len(h.processes))
}

// log passes on a line that a function has written.
func (h *Host) log(d emulator.Deployment, line string) {
	d.Log(line)
	if h.options.Log != nil {
		h.logging.Lock()
		defer h.logging.Unlock()
		fmt.Fprintf(h.options.Log, "%s: %s\n", d.Name, line)
	}
}

func (r *revision) binary() string { return filepath.Join(r.dir, "function") }
