package faults_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// TestARunEndsWithinItsBudgetHoweverSlowTheAnswers has every answer take long,
// in a bubble: none of it passes in real time.
func TestARunEndsWithinItsBudgetHoweverSlowTheAnswers(t *testing.T) {
	t.Parallel()
	for _, latency := range []time.Duration{11 * time.Second, 29 * time.Second, 45 * time.Second, time.Hour} {
		t.Run(latency.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := runtest.Start(t, emulator.Options{Latency: latency, Clock: emulator.NewClock()}, "ROTATOR_BUDGET=200s")
				o := r.Surroundings()
				o.Clock = clock.Real() // of the bubble: what goes on together takes its time together
				began := time.Now()
				rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > r.Cfg.Budget {
					t.Errorf("it took %s, of a budget of %s", took, r.Cfg.Budget)
				}
				if rep.Outcome != report.Failure || len(rep.Left) == 0 {
					t.Errorf("outcome %s, left %q", rep.Outcome, rep.Left)
				}
				for _, step := range rep.Steps {
					if step.Outcome == report.Success && step.Name == run.StepRetire {
						t.Errorf("%s is said to be done:\n%s", step.Name, runtest.Text(t, rep))
					}
				}
			})
		})
	}
}

// Keys that never come to work are undone together, and each is undone, however
// slow that is and however many there are.
func TestLongManyKeysThatNeverWorkAreUndoneInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 31)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 31)))
		for i := range 60 {
			seed.Applications = append(seed.Applications, emulator.SeedApplication{
				Name: fmt.Sprint("caller-", i), Policies: seed.Applications[1].Policies,
			})
		}
		r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, seed, runtest.Only()...)
		keys := func() int {
			return len(r.MustCall(http.MethodGet, listKeys+"?page_size=100", nil)["api_keys"].([]any))
		}
		before := keys()
		refused := `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`
		r.Arm(emulator.Fault{Method: http.MethodGet, Path: listKeys + "/*", Times: -1, Status: http.StatusUnauthorized, Body: refused})
		r.Arm(emulator.Fault{Path: "/favicon.ico", Times: -1, DropFirst: true})
		r.Arm(emulator.Fault{Path: "/healthz", Times: -1, DropFirst: true})
		r.Arm(emulator.Fault{Method: http.MethodDelete, Path: listKeys + "/*", Times: -1, Delay: 12 * time.Second})
		began := time.Now()
		got := r.Run(t, run.Request{Steps: []string{run.StepRotate}})
		if took := time.Since(began); took > r.Cfg.Budget {
			t.Errorf("it took %s, of a budget of %s", took, r.Cfg.Budget)
		}
		if n := made(got, "create_key"); n < 60 {
			t.Errorf("%d keys were made", n)
		}
		if said := runtest.Text(t, got); !strings.Contains(said, "0 superseded keys deleted") {
			t.Errorf("what was undone is said to be superseded:\n%s", said)
		}
		if after := keys(); after != before {
			t.Errorf("%d keys were there, %d are:\n%s", before, after, runtest.Text(t, got))
		}
	})
}

// TestTheBudgetsEndIsADeadline looks at how requests that are under way then end.
func TestTheBudgetsEndIsADeadline(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	o := r.Surroundings()
	seen := make(chan error, 1000)
	o.API = runtest.Over(func(req *http.Request) (*http.Response, error) {
		resp, err := r.RoundTripper().RoundTrip(req)
		if strings.HasSuffix(req.URL.Path, "/policies") {
			r.Clock().Advance(r.Cfg.Budget)
			<-req.Context().Done()
			seen <- context.Cause(req.Context())
		}
		return resp, err
	})
	rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-seen; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the request ended by %v", err)
	}
	if !strings.Contains(runtest.Text(t, rep), "the run's time was over") {
		t.Errorf("the report does not say so:\n%s", runtest.Text(t, rep))
	}
}
