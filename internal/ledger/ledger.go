// Package ledger is what the rotator remembers from run to run, where the API
// itself does not show it: the keys that it deleted, and what comparing
// environments with keys came to.
//
// A ledger is kept as the one enabled version of one secret, and replaced as a
// whole, so it never mixes what two runs saw. It is an aid, not the truth: a
// ledger that is missing costs comparisons, and no key. It promises that what it
// says of an environment holds for that environment exactly as it was read: one
// that has changed in any secret variable is unknown to it. What follows from
// it is left to package deliver.
package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

const (
	// DeletedFor is how long a deleted key is remembered: a pipeline that was
	// not run since then may still bring it back.
	DeletedFor = 180 * 24 * time.Hour
	// DeletedMax is how many of an application's are, the youngest.
	DeletedMax = 5
)

// Ledger is what is remembered. The zero value remembers nothing.
type Ledger struct {
	Deleted  []Deleted
	Compared Compared
	// Own tells by access key which secret the function's own keys were made with,
	// as KeyOf writes it: that the function calls with one does not show whose it is.
	Own map[string]string
	// CarriedUntil tells by access key when the last consumer known to carry a key left
	// it, where no version was there to say so.
	CarriedUntil map[string]time.Time
	// Last is what the last whole run came to, where somebody is to be told of what is
	// new; nil: nobody noted it.
	Last *Last
}

// Deleted is a key that the rotator deleted. Its secret opens nothing any more.
type Deleted struct {
	ApplicationID string
	AccessKey     string
	Secret        redact.Secret
	At            time.Time
}

// Compared is what comparing came to.
type Compared struct {
	// At is when the environments were read, by the API's clock.
	At time.Time
	// Keys are those with which each environment below was compared, as KeyOf
	// writes them; after a slash the form, where it is not the secret alone.
	Keys map[string]bool
	// Environments are those that were compared, each with the access keys
	// that its secret variables hold, by variable, after a slash the form.
	Environments map[Print]map[string]string
	// Owners tells by access key which application each key is of that stands in
	// Environments: once the key and all that named it are gone, nothing else does.
	Owners map[string]string
	// Without are the access keys with which an environment was not compared,
	// though others were: their secret could not be read any more. Forms among
	// them says that for all keys nothing but the secret alone was compared.
	Without map[Print][]string
	// Namespaces tells by ID since when each has the variables that it has.
	Namespaces map[string]Since
}

// Since is what a namespace's variables are, and since when at the latest: what
// was deployed before that may run with others.
type Since struct {
	Print Print
	At    time.Time
	// Before are the access keys that the namespace carried before that, with a
	// space between: what was deployed then may run with one of them.
	Before string
}

// Forms stands in Without for all texts but the secret alone.
const Forms = "forms"

// KeyNamed finds a key among those that were compared, by its access key.
func (c Compared) KeyNamed(access string) (name string, is bool) {
	for key := range c.Keys {
		if strings.HasPrefix(key, access+".") {
			name, _, _ = strings.Cut(key, "/")
			return name, true
		}
	}
	return "", false
}

// SinceOf is the entry of a namespace: what is remembered, if its variables are
// what they were.
func (c Compared) SinceOf(e scaleway.Environment) Since {
	now := PrintOf(e)
	known, is := c.Namespaces[e.ID]
	if is && known.Print == now {
		return known
	}
	before := strings.Fields(known.Before)
	for _, use := range c.Environments[known.Print] {
		access, _, _ := strings.Cut(use, "/")
		before = append(before, access)
	}
	slices.Sort(before)
	return Since{Print: now, At: e.UpdatedAt, Before: strings.Join(slices.Compact(before), " ")}
}

// Print tells an environment's variables from all others, and from what they
// were before: it changes whenever a secret one is set, since it has a new salt
// then.
type Print string

// KeyOf is a key with a trace of its secret: somebody may write another secret
// beside the same access key.
func KeyOf(pair scaleway.KeyPair) string {
	sum := sha256.Sum256([]byte(pair.AccessKey + "\x00" + pair.Secret.Reveal()))
	return pair.AccessKey + "." + base64.RawURLEncoding.EncodeToString(sum[:6])
}

// Unproven is KeyOf for a secret that stands beside an access key and may not be
// its own: what was compared with it is not cleared of the key, so KeyNamed does
// not find it.
func Unproven(pair scaleway.KeyPair) string { return "~" + KeyOf(pair) }

// printBytes make two prints alike by chance in one of 10^12 projects with a
// thousand environments.
const printBytes = 9

// PrintOf is the print of an environment, "" if it has no variable.
func PrintOf(e scaleway.Environment) Print {
	if len(e.Plain)+len(e.Hashes) == 0 {
		return ""
	}
	h := sha256.New()
	h.Write([]byte(e.ID))
	for _, variables := range []map[string]string{e.Plain, e.Hashes} {
		for _, name := range slices.Sorted(maps.Keys(variables)) {
			h.Write([]byte("\x00" + name + "\x00" + variables[name]))
		}
		h.Write([]byte("\x00\x00"))
	}
	return Print(base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:printBytes]))
}

// DeletedOf returns an application's deleted keys that are still remembered at
// now, the youngest first.
func (l Ledger) DeletedOf(application string, now time.Time) []Deleted {
	var out []Deleted
	for _, d := range l.Deleted {
		if d.ApplicationID == application && now.Sub(d.At) < DeletedFor {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b Deleted) int { return b.At.Compare(a.At) })
	return out[:min(len(out), DeletedMax)]
}

// With returns the ledger with more deleted keys, and without those that are
// forgotten at now. One that it has already keeps its date.
func (l Ledger) With(deleted []Deleted, now time.Time) Ledger {
	all := slices.Clone(l.Deleted)
	for _, d := range deleted {
		if !slices.ContainsFunc(all, func(o Deleted) bool { return o.AccessKey == d.AccessKey && o.Secret.Equal(d.Secret) }) {
			all = append(all, d)
		}
	}
	applications := map[string]bool{}
	for _, d := range all {
		applications[d.ApplicationID] = true
	}
	out := Ledger{Compared: l.Compared, CarriedUntil: l.CarriedUntil, Own: l.Own, Last: l.Last}
	for _, id := range slices.Sorted(maps.Keys(applications)) {
		out.Deleted = append(out.Deleted, Ledger{Deleted: all}.DeletedOf(id, now)...)
	}
	return out
}
