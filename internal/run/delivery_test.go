package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// running is what the callers' code sees.
func (r *rig) running(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name := range callers() {
		e, known := r.Endpoint(name)
		if !known {
			t.Fatalf("there is no %s", name)
		}
		out[name] = r.Running(e.ID)
	}
	return out
}

// replaced is what is seen once one key has taken the place of another, and
// nothing else has changed.
func replaced(seen map[string][]string, old, by emulator.KeyPair) map[string][]string {
	halves := strings.NewReplacer("="+old.SecretKey, "="+by.SecretKey, "="+old.AccessKey, "="+by.AccessKey)
	out := map[string][]string{}
	for name, lines := range seen {
		for _, line := range lines {
			out[name] = append(out[name], halves.Replace(line))
		}
	}
	return out
}

func TestConsumersGetTheNewKey(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{Seed: 1}, carrying(31))
	auditor := r.watch(t)
	listen := r.listen()
	before, old := r.running(t), r.key(t, keyA)
	golden(t, "consumers-dry.txt", []byte(text(t, r.mustRun(t, run.Request{DryRun: true}))))
	if n := len(r.writes()); n > 0 {
		t.Fatalf("the dry run sent %d requests that change something", n)
	}
	rep := r.mustRun(t, run.Request{})
	listen.report(t, rep)
	golden(t, "consumers.txt", []byte(text(t, rep)))
	if diff := cmp.Diff(replaced(before, old, r.key(t, current(t, rep))), r.running(t)); diff != "" {
		t.Errorf("what the consumers run with (-want +got):\n%s", diff)
	}
	r.served(t)
	if seen := fmt.Sprint(r.running(t)); !strings.Contains(seen, "MODE=fast") || !strings.Contains(seen, "DB_PASSWORD=hunter") || !strings.Contains(seen, "DB_TOKEN=other") {
		t.Errorf("the consumers' other variables are lost: %s", seen)
	}
	if diff := cmp.Diff([]string{
		"create_key application " + ordersID,
		"create_secret /rotator/rotator-ledger", "mark_version the new version of /rotator/" + ordersID, "remember /rotator/rotator-ledger",
		"mark_version version 1 of /rotator/" + ordersID,
		"publish /rotator/" + ordersID,
		"redeploy container cruncher", "redeploy function nightly",
		"update_environment container namespace jobs", "update_environment container packer",
		"update_environment function courier", "update_environment function namespace batch",
	}, did(rep), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if n := len(r.writes()); n != len(rep.Changes) {
		t.Errorf("%d writes went out for %d changes", n, len(rep.Changes))
	}
	for range 8 {
		r.Clock().Advance(24 * time.Hour)
		r.served(t)
		rep = r.mustRun(t, run.Request{})
		listen.report(t, rep)
	}
	golden(t, "consumers-after-grace.txt", []byte(text(t, rep)))
	r.served(t)
	if r.lives(keyA) {
		t.Errorf("%s outlives its grace", keyA)
	}
	upright(t, auditor)
	listen.check(t)
}

// The recorded hashes take 64 MiB each, with four threads or one.
func TestLongConsumersAreFoundByHashesOfTheRealSize(t *testing.T) {
	t.Parallel()
	memory := uint32(8192) // that the API's hashes take, in KiB: 65536 where all cases are tried
	if *oneIn == 1 {
		memory = 65536
	}
	r := startSeed(t, emulator.Options{HashMemory: memory}, carrying(31))
	auditor := r.watch(t)
	before, old := r.running(t), r.key(t, keyA)
	rep := r.mustRun(t, run.Request{})
	if diff := cmp.Diff(replaced(before, old, r.key(t, current(t, rep))), r.running(t)); diff != "" {
		t.Errorf("what the consumers run with (-want +got):\n%s", diff)
	}
	upright(t, auditor)
}

// I5, for everything that a request can ask for.
func TestLongDryRunAnnouncesEveryDelivery(t *testing.T) {
	t.Parallel()
	for _, sc := range carrierScenarios() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, auditor := sc.rehearse(t)
				req := sc.request
				for i, wait := range []time.Duration{0, 0, 0, 8 * 24 * time.Hour, 0, 0} {
					time.Sleep(wait)
					if i > 0 {
						sc.next(t, r, auditor)
					}
					r.foretold(t, i, req)
					req = run.Request{}
				}
				upright(t, auditor)
			})
		})
	}
}

// foretold compares a run with the dry run right before it.
func (r *rig) foretold(t *testing.T, i int, req run.Request) {
	t.Helper()
	s := &saboteur{next: r.RoundTripper()}
	r.ForgetHistory()
	only := req
	only.DryRun = true
	dry, err := r.ask(t, s, only)
	if err != nil {
		t.Fatal(err)
	}
	r.onlyPlanned(t, dry)
	r.ForgetHistory()
	wet, err := r.ask(t, s, req)
	if err != nil {
		t.Fatal(err)
	}
	made := did(wet)
	if slices.ContainsFunc(wet.Consumers, func(c report.Consumer) bool { return c.Result == "failed" }) {
		made = slices.Compact(made) // a failure that nobody foresaw is noted where the delivery is
	}
	if diff := cmp.Diff(did(dry), made); diff != "" {
		t.Errorf("run %d: announced and done differ (-announced +done):\n%s\n%s", i, diff, text(t, wet))
	}
	if n := len(r.writes()); n != len(wet.Changes) {
		t.Errorf("run %d: %d writes went out for %d changes", i, n, len(wet.Changes))
	}
}
