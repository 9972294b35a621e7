package deliver

import (
	"fmt"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/envhash"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// look is one environment's secret variables while they are compared.
type look struct {
	Search

	i      int
	env    scaleway.Environment
	print  ledger.Print
	known  bool              // by the ledger, as it is
	uses   map[string]string // for the ledger
	open   []*openVariable   // those that hold none of the keys so far
	whole  bool              // each of its hashes can be compared
	undone map[string]bool   // names in the ledger of what there was no time for
}

// openVariable is a secret variable that holds no key as far as it was compared.
type openVariable struct {
	name   string
	hash   envhash.Hash
	unsure map[string]bool // access keys with which there was no time to compare it
}

// look takes what the ledger says of an environment, and reads the hashes of
// the rest.
func (s Search) look(found *Found, i, candidates int) *look {
	e := s.Environments[i]
	l := &look{Search: s, i: i, env: e, print: ledger.PrintOf(e), uses: map[string]string{}, whole: true, undone: map[string]bool{}}
	var uses map[string]string
	uses, l.known = s.Ledger.Environments[l.print]
	for _, name := range sortedNames(e.Hashes) {
		if s.Ours != nil && s.Ours(e, name) {
			continue
		}
		if use, is := uses[name]; is {
			access, formName, _ := strings.Cut(use, "/")
			credential, ours := s.credentialOf(access)
			if f, is := formNamed(formName); ours && is {
				found.Uses[i] = append(found.Uses[i], Use{Variable: name, Credential: credential, AccessKey: access, holds: f.what, form: f})
			}
			l.uses[name] = use
			found.Saved += candidates * len(forms)
			continue
		}
		hash, err := envhash.Parse(e.Hashes[name])
		if err != nil {
			found.Why = append(found.Why, fmt.Sprintf("%s, variable %s: %s", e, name, err))
			found.Refused[i] = append(found.Refused[i], name)
			l.whole = false
			continue
		}
		l.open = append(l.open, &openVariable{name, hash, map[string]bool{}})
	}
	return l
}

// compare tries the candidates in these forms on the variables that are open.
func (l *look) compare(found *Found, all []candidate, in []form, over func() bool) {
	l.open = slices.DeleteFunc(l.open, func(v *openVariable) bool {
		hit := l.try(found, v, all, in, over)
		if hit != nil {
			found.Uses[l.i] = append(found.Uses[l.i], *hit)
			l.uses[v.name] = hit.written()
		}
		return hit != nil
	})
}

// try compares one variable, with the likeliest candidates first: those whose
// access key stands beside it.
func (l *look) try(found *Found, v *openVariable, all []candidate, in []form, over func() bool) (hit *Use) {
	beside := func(c candidate) int {
		rank := 2
		for _, u := range found.Uses[l.i] {
			switch {
			case u.AccessKey == c.key.AccessKey:
				return 0
			case u.Credential == c.credential:
				rank = 1
			}
		}
		return rank
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b candidate) int { return beside(a) - beside(b) })
	undone := map[string]string{} // by name in the ledger: access key
	for _, f := range in {
		for _, c := range sorted {
			switch {
			case c.key.Secret.Empty():
			case hit != nil, l.impossible(c, f):
				found.Saved++
			case over():
				undone[c.in(f)] = c.key.AccessKey
			default:
				found.Hashes++
				if v.hash.Matches(f.text(c.key)) {
					hit = &Use{Variable: v.name, Credential: c.credential, AccessKey: c.key.AccessKey, holds: f.what, form: f}
				}
			}
		}
	}
	if hit != nil {
		return hit
	}
	for name, access := range undone {
		l.undone[name], v.unsure[access] = true, true
	}
	return nil
}

// impossible tells whether an environment cannot hold a key in a form: it was
// last changed before the key was made; or it is as it was when it was compared
// with that, or when there was no such key yet. Every change of a variable that
// code can see moves updated_at, as recorded for all four kinds; one that is sent
// with redeploy: false may not, but no code sees it before a deployment, which
// does (A82).
func (l *look) impossible(c candidate, f form) bool {
	made := c.key.CreatedAt
	switch {
	case c.made:
		return true
	case ChangedBefore(l.env, made, l.ReadAt):
		return true
	case l.known && l.compared(c, f):
		return true
	}
	return l.known && made.After(l.Ledger.At.Add(apart))
}

// compared tells whether the ledger says that an environment, which it knows,
// was compared with a key in a form.
func (l *look) compared(c candidate, f form) bool {
	without := l.Ledger.Without[l.print]
	return l.Ledger.Keys[c.in(f)] && !slices.Contains(without, c.key.AccessKey) && (f.name == "" || !slices.Contains(without, ledger.Forms))
}

// conclude notes what is known now of the environment.
func (l *look) conclude(found *Found, all []candidate) {
	var without []string
	remember := l.whole && l.print != ""
	for name := range l.undone {
		remember = remember && strings.Contains(name, "/") // the secrets alone are done
	}
	for _, v := range l.open {
		found.Strangers[l.i] = append(found.Strangers[l.i], v.name)
		for access := range v.unsure {
			found.Unsure[access]++
		}
		if len(v.unsure) > 0 {
			found.Left++
		}
	}
	if len(l.undone) > 0 {
		without = append(without, ledger.Forms)
	}
	for _, c := range all {
		cleared := found.Cleared[c.key.AccessKey]
		switch {
		case cleared == nil || !c.key.Secret.Empty():
		case l.known && !slices.ContainsFunc(forms, func(f form) bool { return !l.compared(c, f) }):
			cleared[l.i] = true
		default:
			without = append(without, c.key.AccessKey)
		}
	}
	if !remember {
		return
	}
	found.Compared.Environments[l.print] = l.uses
	if len(without) > 0 {
		slices.Sort(without)
		found.Compared.Without[l.print] = slices.Compact(without)
	}
}
