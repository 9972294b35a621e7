package run_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// TestARunEndsWithinItsBudgetHoweverSlowTheAnswers has every answer take long,
// on the emulator's clock: none of it passes in real time.
func TestARunEndsWithinItsBudgetHoweverSlowTheAnswers(t *testing.T) {
	t.Parallel()
	for _, latency := range []time.Duration{11 * time.Second, 29 * time.Second, 45 * time.Second, time.Hour} {
		t.Run(latency.String(), func(t *testing.T) {
			t.Parallel()
			r := start(t, emulator.Options{Latency: latency})
			began := r.Clock().Now()
			rep := r.run(t, run.Request{})
			if took := r.Clock().Now().Sub(began); took > r.cfg.Budget {
				t.Errorf("it took %s, of a budget of %s", took, r.cfg.Budget)
			}
			if rep.Outcome != report.Failure || len(rep.Left) == 0 {
				t.Errorf("outcome %s, left %q", rep.Outcome, rep.Left)
			}
			for _, step := range rep.Steps {
				if step.Outcome == report.Success && step.Name == run.StepRetire {
					t.Errorf("%s is said to be done:\n%s", step.Name, text(t, rep))
				}
			}
		})
	}
}

// TestTheBudgetsEndIsADeadline looks at how requests that are under way then end.
func TestTheBudgetsEndIsADeadline(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{})
	o := r.surroundings()
	seen := make(chan error, 1000)
	o.API = over(func(req *http.Request) (*http.Response, error) {
		resp, err := r.RoundTripper().RoundTrip(req)
		if strings.HasSuffix(req.URL.Path, "/policies") {
			r.Clock().Advance(r.cfg.Budget)
			<-req.Context().Done()
			seen <- context.Cause(req.Context())
		}
		return resp, err
	})
	rep, err := run.Do(t.Context(), r.cfg, run.Request{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-seen; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the request ended by %v", err)
	}
	if !strings.Contains(text(t, rep), "the run's time was over") {
		t.Errorf("the report does not say so:\n%s", text(t, rep))
	}
}

// over is a transport made of a function.
type over func(*http.Request) (*http.Response, error)

func (f over) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
