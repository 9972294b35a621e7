package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

var now = time.Date(2026, time.November, 27, 3, 17, 0, 0, time.UTC)

func deleted(application, letter string, daysAgo int) ledger.Deleted {
	return ledger.Deleted{
		ApplicationID: application, AccessKey: "SCW" + strings.Repeat(letter, 17), Secret: redact.New("secret of " + letter),
		At: now.Add(-time.Duration(daysAgo) * 24 * time.Hour),
	}
}

func environment(id string) scaleway.Environment {
	return scaleway.Environment{
		ID: id, NamespaceID: "ns", Plain: map[string]string{"MODE": "fast"}, Hashes: map[string]string{"A": "hash of a", "B": "hash of b"},
	}
}

func full() ledger.Ledger {
	p, other := ledger.PrintOf(environment("f")), ledger.PrintOf(environment("g"))
	return ledger.Ledger{
		Deleted:      []ledger.Deleted{deleted("app", "D", 3)},
		CarriedUntil: map[string]time.Time{"SCW3": now},
		Own:          map[string]string{"SCW4": "SCW4.trace"},
		Last:         &ledger.Last{Failed: true, Findings: []string{"aaaaaaaa"}},
		Compared: ledger.Compared{
			At:           now,
			Keys:         map[string]bool{ledger.KeyOf(scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: "SCW1"}, Secret: redact.New("s")}): true},
			Environments: map[ledger.Print]map[string]string{p: {"A": "SCW1"}, other: nil},
			Owners:       map[string]string{"SCW1": "app"},
			Without:      map[ledger.Print][]string{other: {"SCW2"}},
			Namespaces:   map[string]ledger.Since{"ns": {Print: "x", At: now, Before: "SCW1 SCW2"}},
		},
	}
}

// same compares ledgers, secrets by what they are.
func same(t *testing.T, want, got ledger.Ledger) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b redact.Secret) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

func TestALedgerComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	data, whole := full().Encode()
	got, err := ledger.Decode(data)
	if err != nil || !whole {
		t.Fatalf("whole: %t, %v", whole, err)
	}
	same(t, full(), got)
}

func TestWhatIsNoLedgerIsRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	data, _ := full().Encode()
	for name, text := range map[string]string{
		"empty": "", "null": "null", "a key pair": `{"access_key":"SCW1","secret_key":"made-up"}`, "cut": string(data[:len(data)/2]),
		"two": string(data) + "{}", "another version": strings.Replace(string(data), `"version":1`, `"version":2`, 1),
		"a key without its secret": strings.Replace(string(data), "secret of D", "", 1),
	} {
		if _, err := ledger.Decode([]byte(text)); err == nil || strings.Contains(err.Error(), "SCW") || strings.Contains(err.Error(), "made-up") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Sixty applications, each with a current key, a superseded one and five that are
// remembered, compared in four forms with 2,100 environments.
func TestALedgerOfManyApplicationsFits(t *testing.T) {
	t.Parallel()
	l := ledger.Ledger{Compared: ledger.Compared{At: now, Keys: map[string]bool{}, Environments: map[ledger.Print]map[string]string{}, Without: map[ledger.Print][]string{}, Namespaces: map[string]ledger.Since{}}}
	for i := range 60 * 7 {
		name := ledger.KeyOf(scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: fmt.Sprintf("SCW%017d", i)}, Secret: redact.New(fmt.Sprint(i))})
		for _, form := range []string{"", "/p", "/b", "/h"} {
			l.Compared.Keys[name+form] = true
		}
	}
	for i := range 2100 {
		l.Compared.Environments[ledger.PrintOf(environment(fmt.Sprint("f", i)))] = nil
	}
	data, whole := l.Encode()
	got, err := ledger.Decode(data)
	if err != nil || !whole {
		t.Fatalf("whole: %t, %v", whole, err)
	}
	if diff := cmp.Diff(l.Compared.Keys, got.Compared.Keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// The largest project of the platform, and more than fits.
func TestALedgerStaysWithinAVersion(t *testing.T) {
	t.Parallel()
	for n, fits := range map[int]bool{2100: true, 9000: false} {
		l := full()
		for i := range n {
			l.Compared.Environments[ledger.PrintOf(environment(fmt.Sprint("f", i)))] = nil
		}
		for app := range 5 {
			for i := range 5 {
				l.Deleted = append(l.Deleted, deleted(fmt.Sprint("application-", app), string(rune('A'+app*5+i)), i))
			}
		}
		data, whole := l.Encode()
		if whole != fits || len(data) > ledger.SizeMax {
			t.Errorf("%d environments: whole %t, %d bytes", n, whole, len(data))
		}
		got, err := ledger.Decode(data)
		if err != nil || len(got.Deleted) != len(l.Deleted) || got.Compared.Environments[ledger.PrintOf(environment("f"))]["A"] != "SCW1" {
			t.Errorf("%d environments: what matters most is lost: %v", n, err)
		}
	}
}

func TestDeletedKeysAreRememberedForHalfAYear(t *testing.T) {
	t.Parallel()
	var l ledger.Ledger
	for i, letter := range strings.Split("ABCDEFG", "") {
		l = l.With([]ledger.Deleted{deleted("one", letter, 100-i)}, now)
	}
	l = l.With([]ledger.Deleted{deleted("two", "Z", 179), deleted("two", "Y", 181)}, now)
	said := func(app string, at time.Time) (out string) {
		for _, d := range l.DeletedOf(app, at) {
			out += d.AccessKey[3:4]
		}
		return out
	}
	if got := said("one", now) + " " + said("two", now); got != "GFEDC Z" {
		t.Errorf("remembered: %s, want the last five of one, and Z", got)
	}
	if got := said("two", now.Add(48*time.Hour)); got != "" {
		t.Errorf("after half a year %s is remembered", got)
	}
	again := l.With([]ledger.Deleted{deleted("two", "Z", 0)}, now)
	if at := again.DeletedOf("two", now)[0].At; !at.Equal(now.Add(-179 * 24 * time.Hour)) {
		t.Errorf("a key that was known has the new date %s", at)
	}
}

func TestAPrintTellsEveryChangeOfAVariable(t *testing.T) {
	t.Parallel()
	seen := map[ledger.Print]string{ledger.PrintOf(environment("f")): "as it is"}
	for name, change := range map[string]func(*scaleway.Environment){
		"another environment": func(e *scaleway.Environment) { e.ID = "g" },
		"another hash":        func(e *scaleway.Environment) { e.Hashes["A"] = "hash of c" },
		"hashes swapped":      func(e *scaleway.Environment) { e.Hashes["A"], e.Hashes["B"] = e.Hashes["B"], e.Hashes["A"] },
		"one more":            func(e *scaleway.Environment) { e.Hashes["C"] = "hash of c" },
		"one less":            func(e *scaleway.Environment) { delete(e.Hashes, "A") },
		"another name":        func(e *scaleway.Environment) { e.Hashes["C"] = e.Hashes["A"]; delete(e.Hashes, "A") },
		"a plain one":         func(e *scaleway.Environment) { e.Plain["MODE"] = "slow" },
		"a plain one more":    func(e *scaleway.Environment) { e.Plain["A"] = "hash of a" },
	} {
		e := environment("f")
		change(&e)
		if as, is := seen[ledger.PrintOf(e)]; is {
			t.Errorf("%s: the print is that of: %s", name, as)
		}
		seen[ledger.PrintOf(e)] = name
	}
}
