package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/iam"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/secrets"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/serverless"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// Rules say what a client that rotates keys may do.
type Rules struct {
	Project      string   // whose credentials these are
	Path         string   // the secrets in this folder are credentials: {"access_key", "secret_key"}; PublishesAt changes it
	Applications []string // names of those whose keys it may change
	OwnKey       string   // access key that it calls with; RunsOn changes it
	// OwnApplication is the name of the client's own application, if it rotates
	// that one's keys, too; "" if not.
	OwnApplication string
	Grace          time.Duration
	// Broken names applications whose credential is not expected to be in
	// order, since somebody else has spoilt it.
	Broken []string
}

// Auditor watches the invariants (docs/design.md, What must hold at every
// instant) after every request that the emulator serves: that a published key
// works (I1), that no key dies which somebody may hold or that runs somewhere
// (I2), and that nothing else changes (I4).
//
// A change that is made with another key than the client's is a person's.
// People may do anything; what they spoil is forgiven until it is mended.
type Auditor struct {
	base       *api.Base
	iam        *iam.IAM
	secrets    *secrets.Secrets
	serverless *serverless.Serverless
	rules      Rules

	requests   int
	violations []string

	keys      map[string]seenKey   // those that lived after the last request
	current   map[string]string    // by secret: the access key that readers get
	published map[string]time.Time // by access key: when it was last current
	first     map[string]time.Time // by application: when anything was first published
	spoilt    map[string]bool      // by application: its credential is out of order, and not by the client
	others    string               // everything that may not change
	spots     []spot               // where the client publishes, and before that did, the present one last
	revoked   map[string]bool      // access keys that a person wants dead
	now       map[string]bool      // those that a person wants dead whoever carries them
	blindly   map[string]bool      // those whose secrets no version showed when a person wanted them dead
	ranOn     map[string]bool      // access keys that the client called with once
	written   map[string]int       // by secret: how many of its versions were looked at
	wrote     map[carry]bool       // the keys that the client published, each in a secret
	consumers consumers
}

type seenKey struct {
	application string
	secret      string
	created     time.Time
	expires     time.Time // zero: never
	minted      bool      // by the client: as long as it is not published, nobody holds it
}

// youngAtFirst is the age up to which a key that was there before the auditor
// is taken for one that the client had made.
const youngAtFirst = 24 * time.Hour

// New starts to watch: from now on, After is to be called after every
// request. The lock is held.
func New(b *api.Base, i *iam.IAM, s *secrets.Secrets, f *serverless.Serverless, rules Rules) *Auditor {
	// A run may come a little early for its own schedule (README, ROTATOR_GRACE).
	rules.Grace -= min(time.Hour, rules.Grace/24)
	a := &Auditor{
		base: b, iam: i, secrets: s, serverless: f, rules: rules, keys: map[string]seenKey{}, current: map[string]string{},
		published: map[string]time.Time{}, first: map[string]time.Time{}, spoilt: map[string]bool{},
		revoked: map[string]bool{}, now: map[string]bool{}, blindly: map[string]bool{}, ranOn: map[string]bool{rules.OwnKey: true},
		written: map[string]int{}, wrote: map[carry]bool{}, consumers: newConsumers(),
	}
	now := b.Clock.Now()
	a.spots = []spot{{"", rules.Path}}
	a.learn(now, func(k *iam.Key) bool { return k.CreatedAt.Age(now) < youngAtFirst })
	a.rest(now)
	a.forgive(now, rules.Applications...) // what is out of order already
	// Who wrote what is there already, nobody knows: it counts as the client's.
	for _, s := range a.credentials() {
		for _, v := range s.Versions {
			a.wrote[carry{s.ID, pairOf(v).AccessKey}] = true
		}
	}
	a.seen()
	return a
}

// seen notes which versions there are, and are not the client's.
func (a *Auditor) seen() {
	for _, s := range a.secrets.All() {
		a.written[s.ID] = len(s.Versions)
	}
}

// Result returns how many requests were audited, and what was wrong.
func (a *Auditor) Result() (requests int, violations []string) {
	a.base.Mu.Lock()
	defer a.base.Mu.Unlock()
	return a.requests, slices.Clone(a.violations)
}

// Forgive lets the credential of an application be out of order, if it is,
// until it is mended: a key that dies by itself, since no run came for months, is
// the doing of whoever let none come. Nothing that a run could have avoided by
// holding back is forgiven.
func (a *Auditor) Forgive(application string) {
	a.base.Mu.Lock()
	defer a.base.Mu.Unlock()
	a.forgive(a.base.Clock.Now(), application)
}

func (a *Auditor) forgive(now time.Time, applications ...string) {
	for _, s := range a.present() {
		if name := a.iam.Application(s.Name).Name; slices.Contains(applications, name) {
			a.spoilt[s.Name] = a.unusable(s, now) != ""
		}
	}
}

// Spoilt returns the applications whose credential is out of order, and was
// forgiven.
func (a *Auditor) Spoilt() []string {
	a.base.Mu.Lock()
	defer a.base.Mu.Unlock()
	var names []string
	for _, s := range a.present() {
		if a.spoilt[s.Name] {
			names = append(names, a.iam.Application(s.Name).Name)
		}
	}
	return names
}

// rest takes everything that the client may not change as it is now.
func (a *Auditor) rest(now time.Time) {
	a.others = a.outside(now)
	a.consumers.variables = a.environments(now)
}

// RunsOn says which key the client calls with from now on.
func (a *Auditor) RunsOn(accessKey string) {
	a.base.Mu.Lock()
	defer a.base.Mu.Unlock()
	a.rules.OwnKey, a.ranOn[accessKey] = accessKey, true
}

// After looks at the emulator after a request; the lock is held.
func (a *Auditor) After(r *traffic.Request) {
	now := a.base.Clock.Now()
	a.requests++
	before, wasCurrent := a.keys, maps.Clone(a.current)
	for _, access := range wasCurrent {
		if access != "" {
			a.published[access] = now // up to this request
		}
	}
	person := r.Method != "GET" && r.AccessKey != "" && r.AccessKey != a.rules.OwnKey
	a.learn(now, func(*iam.Key) bool { return !person })
	if person {
		for access, k := range before {
			if _, lives := a.keys[access]; !lives {
				a.loses(access, k.secret, a.readable()[access], now)
			}
		}
		a.forgive(now, a.rules.Applications...)
		a.handled(now)
		a.rest(now)
		a.seen()
		return
	}
	for access, k := range before {
		if _, lives := a.keys[access]; !lives {
			a.deleted(r, access, k, wasCurrent, now)
		}
	}
	if r.Method != "GET" {
		if outside := a.outside(now); outside != a.others {
			a.violate(r, "I4: something changed that is not the client's to change")
			a.others = outside
		}
		a.compareEnvironments(r, now)
		a.leaked(r)
	}
	for _, s := range a.present() {
		switch problem := a.unusable(s, now); {
		case problem == "":
			a.spoilt[s.Name] = false
		case !a.spoilt[s.Name]:
			a.violate(r, "I1: "+problem)
		}
	}
}

func (a *Auditor) violate(r *traffic.Request, text string) {
	a.violations = append(a.violations, fmt.Sprintf("after request %d, %s %s: %s", r.Seq, r.Method, r.Path, text))
}

// learn notes the keys that live and what is published. minted tells of a key
// that is new whether the client made it.
func (a *Auditor) learn(now time.Time, minted func(*iam.Key) bool) {
	before := a.keys
	a.keys = map[string]seenKey{}
	for _, k := range a.iam.Keys() {
		seen, known := before[k.AccessKey]
		if !known {
			seen = seenKey{application: k.ApplicationID, secret: k.Secret, created: k.CreatedAt.Time, expires: k.ExpiresAt.Time, minted: minted(k)}
		}
		a.keys[k.AccessKey] = seen
	}
	a.current = map[string]string{} // a secret that a person deleted has no readers any more
	for _, s := range a.credentials() {
		pair := newestPair(s)
		if !a.spot().has(s) && !a.wrote[carry{s.ID, pair.AccessKey}] {
			continue // somebody wrote where nothing is published any more
		}
		a.current[s.ID] = pair.AccessKey
		if pair.AccessKey != "" {
			a.published[pair.AccessKey] = now
		}
		if first, any := a.first[s.Name]; len(s.Versions) > 0 && (!any || s.Versions[0].CreatedAt.Time.Before(first)) {
			a.first[s.Name] = s.Versions[0].CreatedAt.Time
		}
	}
	a.learnConsumers(now)
}

// rotates tells whether the keys of an application are the client's to change.
func (a *Auditor) rotates(application string) bool {
	app := a.iam.Application(application)
	return app != nil && app.Name != "" && (slices.Contains(a.rules.Applications, app.Name) || app.Name == a.rules.OwnApplication)
}

// own tells whether an application is the client's own. Its keys stand in the
// client's variables, and are never published.
func (a *Auditor) own(application string) bool {
	app := a.iam.Application(application)
	return app != nil && app.Name != "" && app.Name == a.rules.OwnApplication
}

// leaked tells whether what the client has just written into Secret Manager holds
// a key of its own application.
func (a *Auditor) leaked(r *traffic.Request) {
	for _, s := range a.secrets.All() {
		for _, v := range s.Versions[min(a.written[s.ID], len(s.Versions)):] {
			a.wrote[carry{s.ID, pairOf(v).AccessKey}] = true
			for _, k := range a.iam.Keys() {
				if a.own(k.ApplicationID) && strings.Contains(string(v.Data), k.Secret) {
					a.violate(r, "I3: the client's own key "+k.AccessKey+" was written into "+s.Path+"/"+s.Name)
				}
			}
		}
		a.written[s.ID] = len(s.Versions)
	}
}
