package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/redact"
)

// SizeMax is the most that a ledger takes, in bytes: a version of a secret
// holds 64 KiB. Environments that do not fit are compared anew in each run.
const SizeMax = 60 << 10

// written is a ledger as JSON. Environments without a key, which are most, are
// prints in one line.
type written struct {
	Version      int                          `json:"version"`
	Deleted      []writtenKey                 `json:"deleted"`
	At           time.Time                    `json:"compared_at"`
	Keys         []string                     `json:"compared_keys"`
	Carrying     map[string]map[string]string `json:"carrying"`         // by print: variable, access key
	Owners       map[string]string            `json:"owners"`           // by access key: application ID
	Environments string                       `json:"carrying_none"`    // prints
	Without      map[string][]string          `json:"compared_without"` // by print: access keys
	Namespaces   map[string]writtenSince      `json:"namespaces"`
	CarriedUntil map[string]time.Time         `json:"carried_until,omitempty"` // by access key
	Own          map[string]string            `json:"own,omitempty"`           // by access key: compared_keys's form of it
	Last         *writtenLast                 `json:"last,omitempty"`
}

type writtenLast struct {
	Failed   bool   `json:"failed"`
	Findings string `json:"findings"` // prints
	Cut      bool   `json:"cut,omitempty"`
}

type writtenKey struct {
	Application string    `json:"application_id"`
	AccessKey   string    `json:"access_key"`
	SecretKey   string    `json:"secret_key"`
	At          time.Time `json:"deleted_at"`
}

type writtenSince struct {
	Print  string    `json:"print"`
	At     time.Time `json:"since"`
	Before string    `json:"before,omitempty"` // access keys
}

const version = 1

// Encode writes the ledger, and what fits of its environments. The result holds
// secret keys: of dead keys, but it is for Secret Manager only.
func (l Ledger) Encode() (data []byte, whole bool) {
	w := written{
		Version: version, Deleted: []writtenKey{}, At: l.Compared.At.UTC().Truncate(time.Microsecond),
		CarriedUntil: l.CarriedUntil, Owners: l.Compared.Owners, Own: l.Own,
		Keys: folded(l.Compared.Keys), Carrying: map[string]map[string]string{},
	}
	if l.Last != nil {
		w.Last = &writtenLast{l.Last.Failed, strings.Join(l.Last.Findings, " "), l.Last.Cut}
	}
	for _, d := range l.Deleted {
		w.Deleted = append(w.Deleted, writtenKey{d.ApplicationID, d.AccessKey, d.Secret.Reveal(), d.At.UTC().Truncate(time.Second)})
	}
	w.Namespaces = map[string]writtenSince{}
	for id, n := range l.Compared.Namespaces {
		w.Namespaces[id] = writtenSince{string(n.Print), n.At.UTC(), n.Before}
	}
	var none []string
	for _, p := range slices.Sorted(maps.Keys(l.Compared.Environments)) {
		if uses := l.Compared.Environments[p]; len(uses) > 0 {
			w.Carrying[string(p)] = uses
		} else {
			none = append(none, string(p))
		}
	}
	for keep := len(none); ; keep = keep * 3 / 4 {
		w.Environments = strings.Join(none[:keep], " ")
		w.Without = map[string][]string{}
		for p, keys := range l.Compared.Without {
			if i, is := slices.BinarySearch(none, string(p)); !is || i < keep { // it is written, or carries a key
				w.Without[string(p)] = keys
			}
		}
		data, _ = json.Marshal(w) //nolint:errchkjson // texts, numbers and dates
		if len(data) <= SizeMax {
			return data, keep == len(none)
		}
		if keep == 0 { // what carries keys alone is too much
			w.Carrying, w.Owners, w.Keys, w.Without = map[string]map[string]string{}, nil, nil, nil
			w.Deleted = w.Deleted[:min(len(w.Deleted), SizeMax/256)]
			data, _ = json.Marshal(w) //nolint:errchkjson // texts, numbers and dates
			return data, false
		}
	}
}

// folded writes each key once, with all its forms after a slash: a project may
// have hundreds of keys.
func folded(keys map[string]bool) []string {
	forms := map[string][]string{}
	for key := range keys {
		name, form, _ := strings.Cut(key, "/")
		forms[name] = append(forms[name], form)
	}
	out := make([]string, 0, len(forms))
	for name, all := range forms {
		slices.Sort(all)
		out = append(out, strings.TrimSuffix(name+"/"+strings.Join(all, ","), "/"))
	}
	slices.Sort(out)
	return out
}

// unfolded reads what folded wrote.
func unfolded(keys []string) map[string]bool {
	out := map[string]bool{}
	for _, key := range keys {
		name, forms, _ := strings.Cut(key, "/")
		for form := range strings.SplitSeq(forms, ",") {
			out[strings.TrimSuffix(name+"/"+form, "/")] = true
		}
	}
	return out
}

// ErrUnreadable means that what was read is no ledger. What it is, is never
// shown.
var ErrUnreadable = errors.New("it does not hold what the rotator writes there")

// Decode reads what Encode wrote.
func Decode(data []byte) (Ledger, error) {
	var w written
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	// json's own errors quote the input, so they are not passed on.
	if decoder.Decode(&w) != nil || w.Version != version {
		return Ledger{}, ErrUnreadable
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Ledger{}, ErrUnreadable
	}
	l := Ledger{CarriedUntil: w.CarriedUntil, Own: w.Own, Compared: Compared{At: w.At, Keys: unfolded(w.Keys), Owners: w.Owners, Environments: map[Print]map[string]string{}}}
	for _, d := range w.Deleted {
		if d.Application == "" || d.AccessKey == "" || d.SecretKey == "" || d.At.IsZero() {
			return Ledger{}, ErrUnreadable
		}
		l.Deleted = append(l.Deleted, Deleted{d.Application, d.AccessKey, redact.New(d.SecretKey), d.At})
	}
	if w.Last != nil {
		l.Last = &Last{w.Last.Failed, strings.Fields(w.Last.Findings), w.Last.Cut}
	}
	l.Compared.Without = map[Print][]string{}
	for p, keys := range w.Without {
		l.Compared.Without[Print(p)] = keys
	}
	l.Compared.Namespaces = map[string]Since{}
	for id, n := range w.Namespaces {
		l.Compared.Namespaces[id] = Since{Print(n.Print), n.At, n.Before}
	}
	for p := range strings.FieldsSeq(w.Environments) {
		l.Compared.Environments[Print(p)] = nil
	}
	for p, uses := range w.Carrying {
		l.Compared.Environments[Print(p)] = uses
	}
	return l, nil
}
