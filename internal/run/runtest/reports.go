package runtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
)

// Complaints are all that a report finds wrong, and what it says of each key.
func Complaints(rep *report.Report) string {
	var out []string
	for _, f := range rep.Findings {
		out = append(out, string(f.Level)+" "+f.Subject+": "+f.Text)
	}
	for _, s := range rep.Steps {
		out = append(out, s.Errors...)
	}
	for _, a := range rep.Applications {
		out = append(out, a.Action+" "+a.Why)
		for _, k := range a.Keys {
			out = append(out, k.AccessKey+" "+k.Note)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// Errors are what the steps of a report complain of.
func Errors(r *report.Report) string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, s.Errors...)
	}
	return strings.Join(out, "\n")
}

// Warnings are the findings of that level, each with its subject.
func Warnings(r *report.Report) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Level == report.Warning {
			out = append(out, f.Subject+": "+f.Text)
		}
	}
	slices.Sort(out)
	return out
}

// Tokens are the legacy tokens to which that came.
func Tokens(r *report.Report, result string) (of []string) {
	for _, t := range r.LegacyTokens {
		if t.Result == result {
			of = append(of, t.Scope+" "+t.Of)
		}
	}
	slices.Sort(of)
	return of
}

// Application is what a report says of one.
func Application(t *testing.T, r *report.Report, name string) report.Application {
	t.Helper()
	for _, a := range r.Applications {
		if a.Name == name {
			return a
		}
	}
	t.Fatalf("the report has no application %s:\n%s", name, Text(t, r))
	return report.Application{}
}

// Step is what a report says of one.
func Step(t *testing.T, r *report.Report, name string) report.Step {
	t.Helper()
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("the report has no step %s", name)
	return report.Step{}
}

// Text is a report as people read it.
func Text(t *testing.T, r *report.Report) string {
	t.Helper()
	var out strings.Builder
	if err := r.Text(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Did returns the changes of a report, sorted: what and to what.
func Did(r *report.Report) []string {
	out := make([]string, 0, len(r.Changes))
	for _, c := range r.Changes {
		out = append(out, c.Kind+" "+c.Object)
	}
	slices.Sort(out)
	return out
}

// Current is the access key that a report calls the current one of orders.
func Current(t *testing.T, rep *report.Report) string {
	t.Helper()
	for _, a := range rep.Applications {
		for _, k := range a.Keys {
			if a.Name == "orders" && k.State == "current" {
				return k.AccessKey
			}
		}
	}
	t.Fatalf("orders has no current key:\n%s", Text(t, rep))
	return ""
}
