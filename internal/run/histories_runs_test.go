package run_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// came says what came of a run, in a line.
func (p *player) came(rep *report.Report) string {
	out := []string{string(rep.Outcome)}
	for _, c := range rep.Changes {
		text := c.Kind + " " + c.Object
		if c.Result != report.Done {
			text += " (" + string(c.Result) + ")"
		}
		for _, app := range applications {
			text = strings.ReplaceAll(text, p.Application(app), app)
		}
		out = append(out, strings.NewReplacer("application ", "", "/rotator/", "").Replace(text))
	}
	return strings.Join(out, ", ")
}

// oneRun does one run, its requests going through s.
func (p *player) oneRun(req run.Request, s *saboteur) *report.Report {
	return p.runs(1, 1, req, s)[0]
}

// runs does runs at once. Even one goes through the turnstile, so that its
// requests come in the same order each time.
func (p *player) runs(n int, seed uint64, req run.Request, s *saboteur) []*report.Report {
	before := p.untouchable()
	s.next = p.RoundTripper()
	gate := &turnstile{next: s, chance: rand.New(rand.NewPCG(seed, 7))}
	var ended atomic.Int32
	reports, panics := make([]*report.Report, n), make([]any, n)
	for i := range n {
		o := p.surroundings()
		way := lane{gate, fmt.Sprint("run-", i)}
		o.API, o.Endpoints, o.Clock, o.RunID = way, way, clock.Real(), way.name
		go func() {
			defer ended.Add(1)
			defer func() { panics[i] = recover() }()
			reports[i], _ = run.Do(p.t.Context(), p.cfg, req, o)
		}()
	}
	gate.play(&ended, int32(n))
	for i, rep := range reports {
		if panics[i] != nil || rep == nil {
			p.wrong = append(p.wrong, fmt.Sprintf("a run panicked: %v", panics[i]))
			reports[i] = &report.Report{}
			continue
		}
		for _, a := range rep.Applications {
			if a.InScope && !req.DryRun && s.k == 0 && (a.Action == "rotated" || a.Action == "kept") {
				p.attended[a.Name] = attendance{time.Now(), p.published(a.Name)}
			}
		}
	}
	if after := p.untouchable(); after != before {
		p.wrong = append(p.wrong, "I4: it changed what is not in scope\n"+before+"became\n"+after)
	}
	return reports
}

// runVerbs are the acts that are not people's.
func runVerbs() []verb {
	waits := []time.Duration{time.Minute, 10 * time.Minute, 70 * time.Minute, 6 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 8 * 24 * time.Hour, 31 * 24 * time.Hour}
	forced := func(force int) string { return []string{"a run", "a forced run"}[force] }
	all := faults()
	return []verb{
		{
			weight: 7, n: len(waits) - 1,
			say: func(n, _ int) string { return emulator.SeedAge(waits[n]).String() + " pass" },
			do:  func(p *player, n, _ int) string { p.pass(waits[n]); return "" },
		},
		{
			weight: 6, n: 1,
			say: func(n, _ int) string { return forced(n) },
			do: func(p *player, n, _ int) string {
				return p.came(p.oneRun(run.Request{Force: n == 1}, &saboteur{}))
			},
		},
		{
			weight: 2, n: 1,
			say: func(n, _ int) string { return "a dry run, then " + forced(n) },
			do:  func(p *player, n, _ int) string { return p.announced(n == 1) },
		},
		{
			weight: 5, n: 140, m: 2*len(all) - 1,
			say: func(n, m int) string {
				return fmt.Sprintf("%s with %q at request %d", forced(m%2), all[m/2].name, n+1)
			},
			do: func(p *player, n, m int) string {
				return p.came(p.oneRun(run.Request{Force: m%2 == 1}, &saboteur{fault: all[m/2], k: n + 1}))
			},
		},
		{
			weight: 5, n: 9, m: 2*len(all) - 1,
			say: func(n, m int) string {
				return fmt.Sprintf("%s with %q at change %d", forced(m%2), all[m/2].name, n+1)
			},
			do: func(p *player, n, m int) string {
				return p.came(p.oneRun(run.Request{Force: m%2 == 1}, &saboteur{fault: all[m/2], k: n + 1, changes: true}))
			},
		},
		{
			weight: 2, n: 50, m: 1,
			say: func(n, m int) string { return fmt.Sprintf("%s twice at once, interleaving %d", forced(m), n) },
			do: func(p *player, n, m int) string {
				reports := p.runs(2, uint64(n), run.Request{Force: m == 1}, &saboteur{})
				return p.came(reports[0]) + "; " + p.came(reports[1])
			},
		},
	}
}

// announced is a dry run and a real one at once: the one sends no request that
// changes anything, the other makes exactly the changes that were announced (I5).
func (p *player) announced(force bool) string {
	p.ForgetHistory()
	dry := p.oneRun(run.Request{DryRun: true, Force: force}, &saboteur{})
	for _, w := range p.writes() {
		p.wrong = append(p.wrong, "I5: the dry run sent "+w)
	}
	wet := p.oneRun(run.Request{Force: force}, &saboteur{})
	if a, b := did(dry), did(wet); !slices.Equal(a, b) {
		p.wrong = append(p.wrong, fmt.Sprintf("I5: announced were\n    %s\n  and done\n    %s", strings.Join(a, ", "), strings.Join(b, ", ")))
	}
	return p.came(wet)
}
