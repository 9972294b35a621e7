package run

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scope"
)

// world is what a run found. Where a part could not be read, it is empty and
// errs says why; what rests on the part is then not done.
type world struct {
	now          time.Time // the API's, after discovery
	keys         []scaleway.APIKey
	ownKey       *scaleway.APIKey // nil: not found
	applications []scaleway.Application
	members      []scope.Member
	callers      []scope.Caller // who can call private endpoints, whatever lets them
	nobodys      []string       // names of policies that do not say whose they are
	credentials  []*credential  // of the members in scope
	own          own
	memory       remembered
	readAt       time.Time         // the API's, before anything of the project was read
	secrets      []scaleway.Secret // of the project, in the credentials' folder
	lifetimeCap  time.Duration
	capUnknown   error // why the cap could not be read, where that is not the run's failure
	attributable bool  // keys, applications and policies are all known

	namespaces []scaleway.Namespace
	resources  []scaleway.Resource
	leftOut    []scaleway.Environment // in regions that ROTATOR_REGIONS leaves out: they are only read
	scopes     []scaleway.Scope       // that may have legacy tokens
	regions    []string
	blind      error               // why some functions or containers are not known, or nil
	unseen     []scaleway.Resource // whose custom domains could not be read

	mu   sync.Mutex
	errs []error
	gone map[string]bool // IDs of namespaces, functions and containers that went while lists were read
}

// wentAway notes that a scope was deleted since it was listed.
func (w *world) wentAway(s scaleway.Scope) {
	id := s.ResourceID
	if id == "" {
		id = s.Namespace.ID
	}
	w.add(func() { w.gone = set(w.gone, id, true) })
}

// forget takes out what is gone: its endpoints and tokens went with it.
func (w *world) forget() {
	w.namespaces = slices.DeleteFunc(w.namespaces, func(n scaleway.Namespace) bool { return w.gone[n.ID] })
	w.resources = slices.DeleteFunc(w.resources, func(r scaleway.Resource) bool { return w.gone[r.ID] || w.gone[r.Namespace.ID] })
	w.scopes = slices.DeleteFunc(w.scopes, func(s scaleway.Scope) bool { return w.gone[s.ResourceID] || w.gone[s.Namespace.ID] })
}

// credential is one application in scope: where its keys stand, as discovery found
// it, and what is to be done about them.
type credential struct {
	member scope.Member
	state  rotate.State
	// pair is the key that the newest enabled version holds; the rotation's, once this
	// run published another.
	pair   *scaleway.KeyPair
	broken error    // why the credential cannot be read, or is not what it says
	gone   []string // keys that versions name and that are not there
	// placed are secrets of the application's name at other places: keys were
	// published there before.
	placed    []placed
	lost      string    // what is missing of an application that had a secret before, or ""
	lostUntil time.Time // until when it can be restored; zero: that is not known
	plan      rotate.Plan
	// back is the way back that the request asks for, or nil.
	back *rotate.Rollback

	outcome
}

// outcome is what became of a credential in this run. Its fields stand in the order
// of the steps that fill them; none is read by a step before.
type outcome struct {
	// By rotate.
	rotation *rotate.Rotation  // nil: none was due
	before   *scaleway.KeyPair // what the newest enabled version held, where this run published another
	dead     []report.Dead     // keys that were proven dead, or were to be; by retire, too

	// By the search of who carries what.
	backTo scaleway.KeyPair   // the key of the way back, once it was seen to work
	pairs  []scaleway.KeyPair // that its versions hold
	shown  *[]byte            // what its readers get, where the rotator did not write that; nil: not read. It is a secret

	// By deliver.
	wentBack bool

	// By whatever asks first whether the current key works; the check takes it back.
	works   *error // what trying it came to; nil: not tried
	useless error  // readers get a key with a secret that the API refuses

	// By retire.
	gave []string // access keys that this run deleted, and whose secrets it did not know
}

// placed is a secret with its versions.
type placed struct {
	secret   scaleway.Secret
	versions []scaleway.Version
}

// alive tells whether a key is there, whosever it is, and has not expired.
func (w *world) alive(accessKey string) bool {
	return slices.ContainsFunc(w.keys, func(k scaleway.APIKey) bool { return k.AccessKey == accessKey && !k.Expired(w.now) })
}

func (w *world) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, err)
}

// add appends what a region or a scope brought.
func (w *world) add(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// sort puts what came in by chance into an order that a person expects, and
// that is the same in each run.
func (w *world) sort() {
	slices.SortFunc(w.namespaces, func(a, b scaleway.Namespace) int {
		return strings.Compare(place(a.Product, a.Region, a.Name), place(b.Product, b.Region, b.Name))
	})
	slices.SortFunc(w.resources, func(a, b scaleway.Resource) int {
		return strings.Compare(place(a.Product, a.Region, a.Namespace.Name, a.Name), place(b.Product, b.Region, b.Namespace.Name, b.Name))
	})
	slices.SortFunc(w.leftOut, func(a, b scaleway.Environment) int {
		return strings.Compare(place(a.Product, a.Region, a.NamespaceID, a.Name), place(b.Product, b.Region, b.NamespaceID, b.Name))
	})
	slices.SortFunc(w.scopes, func(a, b scaleway.Scope) int {
		return strings.Compare(place(a.Product, a.Region, a.Namespace.Name, a.ResourceID), place(b.Product, b.Region, b.Namespace.Name, b.ResourceID))
	})
}

func place(p scaleway.Product, parts ...string) string {
	order := "1"
	if p == scaleway.Containers {
		order = "2"
	}
	return order + strings.Join(parts, "\x00")
}
