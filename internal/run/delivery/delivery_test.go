// Package delivery_test is about who carries a key, who may, and how they get another.
package delivery_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

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
	r := runtest.StartSeed(t, emulator.Options{Seed: 1}, runtest.Carrying(31))
	auditor := r.Watch(t)
	listen := r.Listen()
	before, old := r.SeenByCallers(t), r.Key(t, runtest.KeyA)
	runtest.Golden(t, "consumers-dry.txt", []byte(runtest.Text(t, r.MustRun(t, run.Request{DryRun: true}))))
	if n := len(r.Writes()); n > 0 {
		t.Fatalf("the dry run sent %d requests that change something", n)
	}
	rep := r.MustRun(t, run.Request{})
	listen.Report(t, rep)
	runtest.Golden(t, "consumers.txt", []byte(runtest.Text(t, rep)))
	if diff := cmp.Diff(replaced(before, old, r.Key(t, runtest.Current(t, rep))), r.SeenByCallers(t)); diff != "" {
		t.Errorf("what the consumers run with (-want +got):\n%s", diff)
	}
	r.Served(t)
	if seen := fmt.Sprint(r.SeenByCallers(t)); !strings.Contains(seen, "MODE=fast") || !strings.Contains(seen, "DB_PASSWORD=hunter") || !strings.Contains(seen, "DB_TOKEN=other") {
		t.Errorf("the consumers' other variables are lost: %s", seen)
	}
	if diff := cmp.Diff([]string{
		"create_key application " + runtest.OrdersID,
		"create_secret /rotator/rotator-ledger", "mark_version the new version of /rotator/" + runtest.OrdersID, "remember /rotator/rotator-ledger",
		"mark_version version 1 of /rotator/" + runtest.OrdersID,
		"publish /rotator/" + runtest.OrdersID,
		"redeploy container cruncher", "redeploy function nightly",
		"update_environment container namespace jobs", "update_environment container packer",
		"update_environment function courier", "update_environment function namespace batch",
	}, runtest.Did(rep), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if n := len(r.Writes()); n != len(rep.Changes) {
		t.Errorf("%d writes went out for %d changes", n, len(rep.Changes))
	}
	for range 8 {
		r.Clock().Advance(24 * time.Hour)
		r.Served(t)
		rep = r.MustRun(t, run.Request{})
		listen.Report(t, rep)
	}
	runtest.Golden(t, "consumers-after-grace.txt", []byte(runtest.Text(t, rep)))
	r.Served(t)
	if r.Lives(runtest.KeyA) {
		t.Errorf("%s outlives its grace", runtest.KeyA)
	}
	runtest.Upright(t, auditor)
	listen.Check(t)
}

// The recorded hashes take 64 MiB each, with four threads or one.
func TestLongConsumersAreFoundByHashesOfTheRealSize(t *testing.T) {
	t.Parallel()
	memory := uint32(8192) // that the API's hashes take, in KiB: 65536 where all cases are tried
	if *runtest.OneIn == 1 {
		memory = 65536
	}
	r := runtest.StartSeed(t, emulator.Options{HashMemory: memory}, runtest.Carrying(31))
	auditor := r.Watch(t)
	before, old := r.SeenByCallers(t), r.Key(t, runtest.KeyA)
	rep := r.MustRun(t, run.Request{})
	if diff := cmp.Diff(replaced(before, old, r.Key(t, runtest.Current(t, rep))), r.SeenByCallers(t)); diff != "" {
		t.Errorf("what the consumers run with (-want +got):\n%s", diff)
	}
	runtest.Upright(t, auditor)
}
