// Package deliver gives consumers the current key: the functions, containers
// and namespaces whose environment carries one that it has superseded.
//
// find.go tells who carries what: compare.go compares the secrets that the
// rotator knows, in the forms of forms.go, with the hashes that the API shows,
// and with what the ledger says of earlier comparisons; plan.go decides, holds.go
// says which keys must live on, apply.go acts. It promises that only variables
// which carry a key are ever changed, and that Delivery.Holds names every key
// which somebody carries, or may carry for all that can be known. Which key is current, and when an old one
// goes, is left to package rotate.
package deliver

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Credential is the keys of one application, as consumers may carry them.
type Credential struct {
	ID   string // of the application
	Name string // of the application
	// Target is what consumers are to carry. In a dry run that would make it,
	// it is empty.
	Target scaleway.KeyPair
	Made   bool // Target is made in this run: nobody can carry it yet
	Proven bool // Target's secret is its own, as was seen in this run or an earlier one
	// NoTarget is why consumers are given nothing: Target was not seen to work
	// in this run, or there is none. "": they are.
	NoTarget string
	// Old are the other keys that live. A secret that is not known is empty.
	Old []scaleway.KeyPair
	// Other are secrets that stand beside an access key of Old or Target too,
	// in another version: what a reader of that version carries.
	Other []scaleway.KeyPair
	// Deleted are keys that the rotator deleted, and remembers.
	Deleted []ledger.Deleted
	// Released are keys of Old that are given up although they cannot be
	// compared, by ROTATOR_HAND_MADE_KEYS.
	Released []string
	// Until is when the last consumer known to carry an old key had left it, as
	// an earlier run foresaw. Zero: none did.
	Until time.Time
}

func (c Credential) old(accessKey string) bool {
	return slices.ContainsFunc(c.Old, func(k scaleway.KeyPair) bool { return k.AccessKey == accessKey })
}

// knows tells whether a key's secret is known.
func (c Credential) knows(accessKey string) bool {
	return c.current(accessKey) ||
		slices.ContainsFunc(c.Old, func(k scaleway.KeyPair) bool { return k.AccessKey == accessKey && !k.Secret.Empty() }) ||
		slices.ContainsFunc(c.Deleted, func(d ledger.Deleted) bool { return d.AccessKey == accessKey && !d.Secret.Empty() })
}

// Lives tells whether a key is one that something may call with.
func (c Credential) Lives(accessKey string) bool { return c.old(accessKey) || c.current(accessKey) }

// current tells whether a key is the one that consumers are to carry.
func (c Credential) current(accessKey string) bool {
	return accessKey != "" && accessKey == c.Target.AccessKey
}

// gone tells whether a key is one of the application's that is no more.
func (c Credential) gone(accessKey string) bool {
	return !c.old(accessKey) && !c.current(accessKey) &&
		slices.ContainsFunc(c.Deleted, func(d ledger.Deleted) bool { return d.AccessKey == accessKey })
}

// holds is what a variable holds of a key.
type holds string

const (
	hashedSecret holds = "its secret key"                              // in a secret variable
	accessKey    holds = "its access key"                              // in a plain one
	openSecret   holds = "its secret key, where everybody can read it" //nolint:gosec // what it is, not one
	withinText   holds = "its access key, inside a longer text"        // in a plain one
)

// Use is one variable that holds a key, or half of it.
type Use struct {
	Variable   string
	Credential int // index
	AccessKey  string
	holds      holds
	form       form // of a secret variable
	// Held is the key that it held before this run changed it; "": this run has not.
	Held string
}

// hidden tells whether a variable is a secret one.
func (u Use) hidden() bool { return u.form.of != nil }

// written is what the ledger says of a secret variable that holds a key.
func (u Use) written() string {
	if u.form.name == "" {
		return u.AccessKey
	}
	return u.AccessKey + "/" + u.form.name
}

// Search finds consumers. All fields must be set, but Ledger, Ours and IDs.
type Search struct {
	Environments []scaleway.Environment
	ReadAt       time.Time // the API's, before the first of them was read
	Credentials  []Credential
	Ledger       ledger.Compared
	// Ours tells which variables are the rotator's own, and hold no credential.
	Ours func(e scaleway.Environment, variable string) bool
	// IDs are UUIDs that are known to be no secret key: of projects, say.
	IDs   map[string]bool
	Clock clock.Clock
	Share time.Duration // that comparing may take
}

// Found is what a search came to. Maps are by index of the environment.
type Found struct {
	Uses map[int][]Use
	// Strangers are the variables that hold none of the known keys, as far as
	// they were compared: they may hold one whose secret is not known.
	Strangers map[int][]string
	Refused   map[int][]string // variables whose hash cannot be compared with anything
	Why       []string         // of Refused, a line each
	// Cleared tells by access key of a secret that is not known which environments
	// do not hold it: they are what they were when it was.
	Cleared map[string]map[int]bool
	// Unsure is by access key of a known secret how many variables it was not
	// compared with, for want of time.
	Unsure map[string]int
	Left   int // variables that were not compared with everything, for want of time
	Hashes int // comparisons made
	Saved  int // comparisons that were not needed
	// Compared is what is known now, for the ledger.
	Compared ledger.Compared
	// LeftBy is by access key how many environments, as the ledger knows them,
	// carried it and are not there any more as they were: the last may have left
	// the key just now.
	LeftBy map[string]int
}

// News tells whether the ledger does not say all of it yet.
func (f Found) News(known ledger.Compared) bool {
	for id, n := range f.Compared.Namespaces {
		if before, is := known.Namespaces[id]; !is || before != n {
			return true
		}
	}
	return f.Hashes > 0 || len(f.LeftBy) > 0
}

// apart is by how much the clocks of Scaleway's products may differ, and how
// late a list may show what has changed.
const apart = 5 * time.Minute

// candidate is a key that a variable may hold.
type candidate struct {
	credential int
	key        scaleway.KeyPair
	name       string // in the ledger; "": its secret never was known
	made       bool   // in this run
	proven     bool   // the secret is the key's own, as was seen in this run or an earlier one
}

// in is the candidate's name in the ledger as one of a form.
func (c candidate) in(f form) string {
	if f.name == "" {
		return c.name
	}
	return c.name + "/" + f.name
}

func (s Search) candidates() []candidate {
	var old, current, dead []candidate
	for i, c := range s.Credentials {
		for _, k := range c.Old {
			old = append(old, candidate{credential: i, key: k, proven: true})
		}
		for _, k := range c.Other {
			old = append(old, candidate{credential: i, key: k})
		}
		current = append(current, candidate{credential: i, key: c.Target, made: c.Made, proven: c.Made || c.Proven})
		for _, d := range c.Deleted {
			dead = append(dead, candidate{credential: i, proven: true, key: scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: d.AccessKey}, Secret: d.Secret}})
		}
	}
	all := slices.Concat(current, old, dead)
	for i := range all {
		switch c := &all[i]; {
		case c.key.Secret.Empty():
			c.name, _ = s.Ledger.KeyNamed(c.key.AccessKey)
		case c.proven:
			c.name = ledger.KeyOf(c.key)
		default:
			c.name = ledger.Unproven(c.key)
		}
	}
	return all
}

// Find compares what may hold a key with the keys there are: every variable
// with each secret key alone, and then, as far as the time goes, what held none
// with the other forms.
func (s Search) Find(ctx context.Context) Found {
	all := s.candidates()
	found := Found{
		Uses: map[int][]Use{}, Strangers: map[int][]string{}, Refused: map[int][]string{}, Unsure: map[string]int{}, LeftBy: map[string]int{}, Cleared: map[string]map[int]bool{},
		Compared: ledger.Compared{At: s.ReadAt, Keys: map[string]bool{}, Environments: map[ledger.Print]map[string]string{}, Owners: map[string]string{}, Without: map[ledger.Print][]string{}, Namespaces: map[string]ledger.Since{}},
	}
	for _, c := range all {
		if c.name == "" {
			continue
		}
		for _, f := range forms {
			if !c.key.Secret.Empty() || s.Ledger.Keys[c.in(f)] {
				found.Compared.Keys[c.in(f)] = true
			}
		}
		if c.key.Secret.Empty() {
			found.Cleared[c.key.AccessKey] = map[int]bool{}
		}
	}
	start := s.Clock.Now()
	over := func() bool { return ctx.Err() != nil || s.Clock.Now().Sub(start) >= s.Share }
	looks := make([]*look, len(s.Environments))
	for _, i := range s.order() {
		s.plain(&found, i, all)
		looks[i] = s.look(&found, i, len(all))
		looks[i].compare(&found, all, forms[:1], over)
	}
	for _, i := range s.order() {
		looks[i].compare(&found, all, forms[1:], over)
		looks[i].conclude(&found, all)
	}
	for i, e := range s.Environments {
		if e.OfNamespace() {
			found.Compared.Namespaces[e.ID] = s.Ledger.SinceOf(e)
		}
		slices.SortFunc(found.Uses[i], func(a, b Use) int { return strings.Compare(a.Variable, b.Variable) })
		slices.Sort(found.Strangers[i])
		slices.Sort(found.Refused[i])
	}
	slices.Sort(found.Why)
	s.own(&found)
	s.left(&found)
	return found
}

// own notes whose the keys are that environments carry.
func (s Search) own(found *Found) {
	for _, uses := range found.Compared.Environments {
		for _, use := range uses {
			access, _, _ := strings.Cut(use, "/")
			if i, ours := s.credentialOf(access); ours {
				found.Compared.Owners[access] = s.Credentials[i].ID
			} else if owner := s.Ledger.Owners[access]; owner != "" { // left alone now, say
				found.Compared.Owners[access] = owner
			}
		}
	}
}

// left finds which keys were carried when the ledger was written by what has
// changed since.
func (s Search) left(found *Found) {
	there := map[ledger.Print]bool{}
	for _, e := range s.Environments {
		there[ledger.PrintOf(e)] = true
	}
	for p, uses := range s.Ledger.Environments {
		if there[p] {
			continue
		}
		for _, use := range uses {
			access, _, _ := strings.Cut(use, "/")
			found.LeftBy[access]++
		}
	}
}

// likely are parts of the names that people give to variables which hold a key.
// Such variables are compared first, and that is all: names prove nothing.
var likely = []string{"SECRET_KEY", "AUTH_TOKEN", "API_KEY", "TOKEN", "SECRET", "KEY"} //nolint:gochecknoglobals // a table, never changed

func likelihood(variable string) int {
	for i, part := range likely {
		if strings.Contains(strings.ToUpper(variable), part) {
			return i
		}
	}
	return len(likely)
}

// order is that in which environments are compared: should the time not be
// enough, those that changed last were.
func (s Search) order() []int {
	rank := make([]int, len(s.Environments))
	out := make([]int, len(s.Environments))
	for i, e := range s.Environments {
		out[i], rank[i] = i, len(likely)
		for name := range e.Hashes {
			rank[i] = min(rank[i], likelihood(name))
		}
	}
	slices.SortStableFunc(out, func(a, b int) int {
		if known := rank[a] - rank[b]; known != 0 {
			return known
		}
		return s.Environments[b].UpdatedAt.Compare(s.Environments[a].UpdatedAt)
	})
	return out
}

// ChangedBefore tells whether an environment was last changed before a time, as
// far as clocks agree. A date that is missing, or of before there were functions
// and containers, says nothing.
func ChangedBefore(e scaleway.Environment, t, now time.Time) bool {
	const oldest = 20 * 365 * 24 * time.Hour
	return !t.IsZero() && e.UpdatedAt.After(now.Add(-oldest)) && e.UpdatedAt.Before(t.Add(-apart))
}

// credentialOf finds whose key it is.
func (s Search) credentialOf(access string) (int, bool) {
	for i, c := range s.Credentials {
		if c.gone(access) || c.current(access) || c.old(access) {
			return i, true
		}
	}
	return 0, false
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if by := likelihood(a) - likelihood(b); by != 0 {
			return by
		}
		return strings.Compare(a, b)
	})
	return names
}
