package run

import (
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/report"
)

// worst orders verdicts: where a key asked many endpoints, the report has the
// one that a person should look at.
var worst = []probe.Verdict{probe.Refused, probe.Inconclusive, probe.NotTried, probe.Accepted} //nolint:gochecknoglobals // a table, never changed

// admissions are where an application's key was let in, by product. Endpoints
// that should not answer anyway are left out.
func (s *results) admissions(c *credential) []report.Admission {
	out := []report.Admission{}
	for _, product := range c.member.products {
		a := report.Admission{Product: string(product), Result: string(probe.NotTried), Detail: "no endpoint has passed"}
		rank := len(worst)
		for _, row := range s.seen.rows {
			if row.Endpoint.Resource.Product != product || !row.Endpoint.Resource.Ready || row.Endpoint.Own || row.Result == probe.Disabled {
				continue
			}
			for _, k := range row.Keys {
				if k.Key.ApplicationID != c.member.app.ID {
					continue
				}
				a.Asked++
				if k.Answer.Verdict == probe.Accepted {
					a.Accepted++
				}
				if r := slices.Index(worst, k.Answer.Verdict); r < rank {
					rank, a.URL, a.Result, a.Detail = r, row.Endpoint.URL, string(k.Answer.Verdict), k.Answer.String()
				}
			}
		}
		if s.seen.rows != nil {
			out = append(out, a)
		}
	}
	return out
}

// checkingKeys names the keys that asked every endpoint.
func (s *results) checkingKeys() []report.CheckingKey {
	out := []report.CheckingKey{}
	for _, k := range s.seen.checkers {
		why := "in scope, and chosen the same way in each run; ROTATOR_PROBE_APPLICATION names another"
		if s.cfg.ProbeApplication != "" {
			why = "named by ROTATOR_PROBE_APPLICATION"
		}
		line := report.CheckingKey{ApplicationID: k.ApplicationID, Application: k.Application, AccessKey: k.Pair.AccessKey, Why: why}
		for _, p := range k.Products {
			line.Products = append(line.Products, string(p))
		}
		out = append(out, line)
	}
	return out
}

// coming sums up by day what the report says will go.
func coming(r *report.Report) []report.Coming {
	out := []report.Coming{}
	on := func(at time.Time) *report.Coming {
		day := at.UTC().Format(time.DateOnly)
		i, found := slices.BinarySearchFunc(out, day, func(c report.Coming, day string) int { return strings.Compare(c.Day, day) })
		if !found {
			out = slices.Insert(out, i, report.Coming{Day: day})
		}
		return &out[i]
	}
	for _, t := range r.LegacyTokens {
		if t.GoesAt != nil {
			on(*t.GoesAt).LegacyTokens++
		}
	}
	for _, a := range r.Applications {
		for _, e := range a.Next {
			if e.Kind == "delete" {
				on(e.At).Keys++
			}
		}
	}
	return out
}
