package deliver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Comparing takes its share of the time and no more; what was not reached is
// said.
func TestLongComparingEndsWithItsTime(t *testing.T) {
	t.Parallel()
	var envs []env
	for i := range 1000 {
		envs = append(envs, function(fmt.Sprint("f", i), secret("TOKEN", "nobody's")))
	}
	for _, tt := range []struct {
		share                time.Duration
		hashes, unsure, left int
	}{
		{3 * time.Hour, 8000, 0, 0},            // an old key and a current one, in four forms
		{time.Hour, 3600, 734, 734},            // each secret alone first, then the other forms, one environment after the other
		{1500 * time.Second, 1500, 1000, 1000}, // so that the next run goes on from there
		{210 * time.Second, 210, 1000, 1000},   // a quarter of a run of 14 minutes
		{0, 0, 1000, 1000},
	} {
		s := search(envs, orders())
		s.Share = tt.share
		ticks := -1
		s.Clock.Now = func() time.Time { // each look at the clock is a hash: a second
			ticks++
			return now.Add(time.Duration(max(0, ticks-1)) * time.Second)
		}
		found := s.Find(t.Context())
		if found.Hashes != tt.hashes || found.Unsure[access("A")] != tt.unsure || found.Left != tt.left {
			t.Errorf("in %s: %d hashes, %d variables unsure, %d left; want %d, %d, %d",
				tt.share, found.Hashes, found.Unsure[access("A")], found.Left, tt.hashes, tt.unsure, tt.left)
		}
		d := deliver.Plan(envs, s.Credentials, found, deliver.Options{Untouched: func(env) string { return "" }, Now: now})
		if err := d.Holds(access("A")); (err != nil) != (tt.unsure > 0) {
			t.Errorf("in %s: key A is held: %v", tt.share, err)
		}
	}
}

// A variable is compared with each secret once, the likeliest first.
func TestTheKeyBesideIsComparedFirst(t *testing.T) {
	t.Parallel()
	var credentials []deliver.Credential
	for _, letter := range []string{"C", "D", "E", "F"} {
		credentials = append(credentials, deliver.Credential{Name: letter, Target: key(letter), Old: []scaleway.KeyPair{bare("Z"), key(strings.ToLower(letter))}})
	}
	found := search([]env{function("f", secret("TOKEN", "secret of f"), plain("ACCESS", access("f")))}, credentials...).Find(t.Context())
	if found.Hashes != 1 {
		t.Errorf("%d hashes were computed, want 1", found.Hashes)
	}
	found = search([]env{function("f", secret("TOKEN", "nobody's"))}, credentials...).Find(t.Context())
	if found.Hashes != 32 {
		t.Errorf("%d hashes were computed, want 32: four old keys and four current ones, in four forms", found.Hashes)
	}
}

// Where there was time for the secrets alone, the next run compares the other
// forms, and those alone.
func TestTheNextRunGoesOnWithTheOtherForms(t *testing.T) {
	t.Parallel()
	envs := []env{function("f", secret("TOKEN", "nobody's")), function("g", secret("TOKEN", "Bearer secret of A"))}
	s := search(envs, orders())
	made := []int{}
	for _, hashes := range []int{4, 6, 0} { // that there is time for
		left := hashes
		s.Clock.Now = func() time.Time {
			left--
			return now.Add(time.Duration(max(0, -left-1)) * time.Second)
		}
		s.Share = time.Second
		found := s.Find(t.Context())
		made = append(made, found.Hashes)
		d := deliver.Plan(envs, s.Credentials, found, deliver.Options{Untouched: func(env) string { return "" }, Now: now})
		if d.Holds(access("A")) == nil {
			t.Errorf("after %v comparisons key A may go, which g carries", made)
		}
		data, _ := ledger.Ledger{Compared: found.Compared}.Encode()
		read, err := ledger.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		s.Ledger = read.Compared
	}
	if diff := cmp.Diff([]int{4, 6, 0}, made); diff != "" {
		t.Errorf("comparisons (-want +got):\n%s", diff)
	}
}

func TestStrangeHashesAreRefused(t *testing.T) {
	t.Parallel()
	huge := strings.Replace(hashed("x"), "m=8,", "m=4194304,", 1)
	e := function("f", func(e *env) { e.Hashes["A_TOKEN"], e.Hashes["B_TOKEN"] = huge, "nonsense" }, secret("C_TOKEN", "secret of A"))
	found := search([]env{e}, orders()).Find(t.Context())
	if len(found.Why) != 2 || !strings.HasPrefix(found.Why[0], "function f, variable A_TOKEN: ") || !strings.HasPrefix(found.Why[1], "function f, variable B_TOKEN: ") {
		t.Errorf("refused: %q", found.Why)
	}
	if !slices.ContainsFunc(found.Uses[0], func(u deliver.Use) bool { return u.Variable == "C_TOKEN" }) {
		t.Errorf("the others are not compared: %v", found.Uses)
	}
}
