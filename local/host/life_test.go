package host_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/host"
)

func TestIdleInstancesEnd(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	_, at := l.running(map[string]any{"max_scale": 2})
	one, other := l.ask(at), l.ask(at)
	first, second := l.next(), l.next()
	l.once(2)
	first.release()
	second.release()
	l.answers(one, "1")
	l.answers(other, "1")
	l.Clock().Advance(30 * time.Second)
	l.once(1)
	l.Clock().Advance(15 * time.Minute)
	l.once(0)
	one = l.ask(at)
	again := l.next()
	again.release()
	l.answers(one, "1")
	if again.PID == first.PID || again.PID == second.PID {
		t.Error("no new process")
	}
}

func TestMinScaleKeepsInstances(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	id, at := l.running(map[string]any{"min_scale": 1, "max_scale": 2})
	one, other := l.ask(at), l.ask(at)
	first, second := l.next(), l.next()
	l.once(2)
	first.release()
	second.release()
	l.answers(one, "1")
	l.answers(other, "1")
	l.Clock().Advance(time.Hour)
	l.once(1)
	one = l.ask(at)
	again := l.next()
	again.release()
	l.answers(one, "1")
	if again.PID != first.PID && again.PID != second.PID {
		t.Error("none was kept")
	}
	// Deleting the function ends them all.
	l.MustCall("DELETE", base+"/functions/"+id, nil)
	l.once(0)
	if got := l.got(l.ask(at)); got.status != http.StatusNotFound {
		t.Errorf("deleted: %v", got)
	}
}

func TestACronFiresWhenTheClockPassesItsTime(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	id, _ := l.running(map[string]any{"privacy": "private"})
	cron := func(schedule string, args map[string]any) string {
		return text(l.MustCall("POST", base+"/crons", map[string]any{"function_id": id, "schedule": schedule, "args": args})["id"])
	}
	cron("17 3 * * *", map[string]any{"dry_run": true, "n": 1})
	once := cron("16 3 * * *", map[string]any{"beside": true})
	never := cron("16 3 * * *", map[string]any{"deleted": true})
	l.Clock().Advance(time.Minute)
	l.Clock().Advance(time.Date(2026, 9, 2, 3, 15, 58, 0, time.UTC).Sub(l.Clock().Now()))
	l.MustCall("DELETE", base+"/crons/"+never, nil)
	fires := func(what, body string, advance time.Duration) {
		t.Helper()
		l.Clock().Advance(advance)
		c := l.next()
		c.release()
		if c.Method != "POST" || c.Path != "/" || c.Body != body || c.Header.Get("Content-Type") != "application/json" || c.Header.Get("X-Auth-Token") != "" {
			t.Errorf("%s: the code sees %+v", what, c)
		}
	}
	fires("beside one that is deleting still", `{"beside":true}`, 3*time.Second)
	l.MustCall("DELETE", base+"/crons/"+once, nil)
	fires("the next morning", `{"dry_run":true,"n":1}`, time.Hour)
	fires("three days at once", `{"dry_run":true,"n":1}`, 72*time.Hour)
	// Had it fired more often, or the deleted one at all, that would come first.
	cron("30 * * * *", map[string]any{"hourly": true})
	l.Clock().Advance(time.Minute)
	fires("the new one", `{"hourly":true}`, time.Hour)
	fires("and again", `{"hourly":true}`, time.Hour)
}

func TestLongARedeployDropsNoRequest(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	id, at := l.running(map[string]any{"max_scale": 3})
	slow := l.ask(at + "/slow")
	old := l.next()

	// Callers keep calling; what reaches the code is let on at once.
	stop, versions := make(chan struct{}), make(chan string, 10000)
	var callers, letOn sync.WaitGroup
	letOn.Go(func() {
		for c := range l.calls {
			if c.goOn == nil {
				return
			}
			versions <- c.Version
			c.release()
		}
	})
	for range 2 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := l.got(l.ask(at)); got.status != http.StatusAccepted {
					t.Errorf("during the redeploy: %v", got)
				}
			}
		})
	}
	await := func(version string) {
		for v := range versions {
			if v == version {
				return
			}
		}
	}
	await("1")
	l.MustCall("PATCH", base+"/functions/"+id, map[string]any{"redeploy": false, "environment_variables": l.env("2")})
	l.upload(id, zipped(t, map[string]string{"more.go": "package fixture\n"}))
	if f := l.deploy(id); f["status"] != "ready" {
		t.Fatalf("redeploy: %v", f)
	}
	await("2")
	close(stop)
	callers.Wait()
	old.release()
	l.answers(slow, "1")
	l.calls <- call{}
	letOn.Wait()
}

func TestLongAFailedDeployLeavesTheOldRevisionForADay(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	id, at := l.running(nil)
	l.upload(id, []byte("nonsense"))
	for range 2 { // a second failure does not make it longer
		if f := l.deploy(id); f["status"] != "error" || f["ready_at"] == nil {
			t.Fatalf("deploy of nonsense: %v", f)
		}
		came := l.ask(at)
		l.next().release()
		l.answers(came, "1")
		l.Clock().Advance(12 * time.Hour)
	}
	if got := l.got(l.ask(at)); got.status != http.StatusServiceUnavailable {
		t.Errorf("a day later: %v", got)
	}
	l.upload(id, zipped(t, nil))
	if f := l.deploy(id); f["status"] != "ready" {
		t.Fatalf("mended: %v", f)
	}
	came := l.ask(at)
	l.next().release()
	l.answers(came, "1")
}

func TestClosingLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // so it is not parallel
	l := newLand(t, host.Options{})
	id, at := l.running(map[string]any{"max_scale": 2})
	one, other := l.ask(at+"/one"), l.ask(at+"/other")
	first, second := l.next(), l.next()
	if first.Path == "/one" {
		first, second = second, first
	}
	second.release()
	l.answers(one, "1")
	// One is busy, one is idle, and a deployment is under way.
	l.MustCall("POST", base+"/functions/"+id+"/deploy", map[string]any{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := l.got(other); got.status != http.StatusServiceUnavailable {
		t.Errorf("the request that was cut: %v", got)
	}
	for _, pid := range []int{first.PID, second.PID} {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d is still there, if only as a zombie", pid)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "scaleway-") }); i >= 0 {
		t.Errorf("left behind: %s", left[i].Name())
	}
}
