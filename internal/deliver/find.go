// Package deliver gives consumers the current key: the functions, containers
// and namespaces whose environment carries one that it has superseded.
//
// find.go tells who carries what, by comparing the secrets that the rotator
// knows with the hashes that the API shows; plan.go decides, apply.go acts. It
// promises that only variables which carry a key are ever changed, and that
// Delivery.Holds names every key which somebody is known to carry still. Which
// key is current, and when an old one goes, is left to package rotate.
package deliver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/envhash"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Credential is the keys of one application, as consumers may carry them.
type Credential struct {
	Name string // of the application
	// Target is what consumers are to carry. In a dry run that would make it,
	// it is empty.
	Target scaleway.KeyPair
	// Old are the other keys that live. A secret that is not known is empty.
	Old []scaleway.KeyPair
	// Until is when the last consumer known to carry an old key had left it, as
	// an earlier run foresaw. Zero: none did.
	Until time.Time
}

func (c Credential) old(accessKey string) bool {
	return slices.ContainsFunc(c.Old, func(k scaleway.KeyPair) bool { return k.AccessKey == accessKey })
}

// holds is what a variable holds of a key.
type holds string

const (
	hashedSecret holds = "its secret key"                              // in a secret variable
	accessKey    holds = "its access key"                              // in a plain one
	openSecret   holds = "its secret key, where everybody can read it" //nolint:gosec // what it is, not one
)

// Use is one variable that holds a key, or half of it.
type Use struct {
	Variable   string
	Credential int // index
	AccessKey  string
	holds      holds
}

// Search finds consumers. All fields must be set.
type Search struct {
	Environments []scaleway.Environment
	Credentials  []Credential
	Names        []string // a secret variable is compared if its name contains one of these
	Clock        clock.Clock
	Share        time.Duration // that comparing may take
}

// Found is what a search came to.
type Found struct {
	Uses    map[int][]Use  // by index of the environment
	Refused []string       // hashes that were not compared, and why
	Unsure  map[string]int // by access key of an old key: how many variables it was not compared with, for want of time
	Left    int            // variables that were not compared with every current key
	Hashes  int            // that were computed
}

// variable is one secret variable that may hold a secret key.
type variable struct {
	env  int
	name string
	hash envhash.Hash
	hit  bool
}

// candidate is a secret that it may be.
type candidate struct {
	credential int
	key        scaleway.KeyPair
}

// Find compares what may hold a key with the keys there are: old ones first,
// since what is not found of them keeps them alive.
func (s Search) Find(ctx context.Context) Found {
	found := Found{Uses: map[int][]Use{}, Unsure: map[string]int{}}
	var old, current []candidate
	for i, c := range s.Credentials {
		current = append(current, candidate{i, c.Target})
		for _, k := range c.Old {
			old = append(old, candidate{i, k})
		}
	}
	for i, e := range s.Environments {
		for name, value := range e.Plain {
			if use, ok := plainUse(name, value, append(slices.Clone(old), current...)); ok {
				found.Uses[i] = append(found.Uses[i], use)
			}
		}
	}
	variables := s.variables(&found)
	start := s.Clock.Now()
	over := func() bool { return ctx.Err() != nil || s.Clock.Now().Sub(start) >= s.Share }
	for pass, candidates := range [][]candidate{old, current} {
		for v := range variables {
			s.compare(&found, &variables[v], candidates, over, pass == 0)
		}
	}
	for i := range found.Uses {
		slices.SortFunc(found.Uses[i], func(a, b Use) int { return strings.Compare(a.Variable, b.Variable) })
	}
	return found
}

// Candidates tells whether there is any variable that could hold a key: else
// nothing need be known of old keys.
func Candidates(envs []scaleway.Environment, names []string) bool {
	return slices.ContainsFunc(envs, func(e scaleway.Environment) bool {
		for name := range e.Hashes {
			if mayHold(name, names) {
				return true
			}
		}
		return len(e.Plain) > 0
	})
}

func mayHold(variable string, names []string) bool {
	return slices.ContainsFunc(names, func(part string) bool { return strings.Contains(strings.ToUpper(variable), part) })
}

// variables are the secret variables whose name says that they may hold a key.
func (s Search) variables(found *Found) []variable {
	var out []variable
	for i, e := range s.Environments {
		for name, text := range e.Hashes {
			if !mayHold(name, s.Names) {
				continue
			}
			hash, err := envhash.Parse(text)
			if err != nil {
				found.Refused = append(found.Refused, fmt.Sprintf("%s, variable %s: %s", e, name, err))
				continue
			}
			out = append(out, variable{env: i, name: name, hash: hash})
		}
	}
	slices.SortFunc(out, func(a, b variable) int {
		if a.env != b.env {
			return a.env - b.env
		}
		return strings.Compare(a.name, b.name)
	})
	slices.Sort(found.Refused)
	return out
}

// compare tries the candidates on one variable, the likeliest first: those
// whose access key stands beside it.
func (s Search) compare(found *Found, v *variable, candidates []candidate, over func() bool, old bool) {
	beside := func(c candidate) bool {
		return slices.ContainsFunc(found.Uses[v.env], func(u Use) bool { return u.Credential == c.credential })
	}
	sorted := slices.Clone(candidates)
	slices.SortStableFunc(sorted, func(a, b candidate) int {
		switch {
		case beside(a) == beside(b):
			return 0
		case beside(a):
			return -1
		default:
			return 1
		}
	})
	for _, c := range sorted {
		if v.hit || c.key.Secret.Empty() {
			continue
		}
		if over() {
			if !old {
				found.Left++
				return
			}
			found.Unsure[c.key.AccessKey]++
			continue
		}
		found.Hashes++
		if v.hash.Matches(c.key.Secret) {
			v.hit = true
			found.Uses[v.env] = append(found.Uses[v.env], Use{v.name, c.credential, c.key.AccessKey, hashedSecret})
		}
	}
}

func plainUse(name, value string, candidates []candidate) (Use, bool) {
	for _, c := range candidates {
		switch {
		case value == "" || c.key.AccessKey == "":
		case value == c.key.AccessKey:
			return Use{name, c.credential, c.key.AccessKey, accessKey}, true
		case !c.key.Secret.Empty() && c.key.Secret.Equal(redact.New(value)):
			return Use{name, c.credential, c.key.AccessKey, openSecret}, true
		}
	}
	return Use{}, false
}
