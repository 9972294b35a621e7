package faults_test

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// came says what came of a run, in a line.
func (p *player) came(rep *report.Report) string {
	out := []string{string(rep.Outcome)}
	if rep.Outcome == refused {
		out = append(out, rep.Findings[0].Text)
	}
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

// ask is what somebody asks of the function.
type ask struct {
	name    string
	request func(p *player) run.Request
}

func asks() []ask {
	plain := func(r run.Request) func(*player) run.Request { return func(*player) run.Request { return r } }
	key := func(which string, choose func(*player) string) ask {
		return ask{"a request to revoke " + which, func(p *player) run.Request { return runtest.Revoke(choose(p)) }}
	}
	of := func(bearer string, place func(living int) int) func(*player) string {
		return func(p *player) string {
			if keys := p.Keys(bearer); len(keys) > 0 {
				return keys[place(len(keys))].AccessKey
			}
			return "SCWNOBODYS0000000000"
		}
	}
	now := func(a ask) ask {
		return ask{a.name + " now", func(p *player) run.Request {
			r := a.request(p)
			r.Now = true
			return r
		}}
	}
	oldest, youngest := func(int) int { return 0 }, func(n int) int { return n - 1 }
	return []ask{
		{"a run", plain(run.Request{})},
		{"a forced run", plain(run.Request{Force: true})},
		{"a forced run for the own key", plain(run.Request{Force: true, Steps: []string{run.StepOwnKey}})},
		key("the youngest key of orders", of("orders", youngest)),
		key("the oldest key of orders", of("orders", oldest)),
		key("the oldest own key", of("rotator", oldest)),
		key("the key that it runs on", func(p *player) string { return p.Cfg.AccessKey }),
		key("an unknown key", of("", oldest)),
		now(key("the youngest key of orders", of("orders", youngest))),
		now(key("the oldest key of orders", of("orders", oldest))),
		{"a request to roll orders back", plain(run.Request{Rollback: []string{"orders"}})},
	}
}

// oneRun does one run, its requests going through s.
func (p *player) oneRun(a ask, s *saboteur) *report.Report {
	p.summon()
	return p.runs(1, 1, a.request(p), s)[0]
}

// refused is the outcome of a request that cannot be.
const refused report.Outcome = "refused"

// runs does runs at once. Even one goes through the turnstile, so that its
// requests come in the same order each time.
func (p *player) runs(n int, seed uint64, req run.Request, s *saboteur) []*report.Report {
	before := p.untouchable()
	s.next = p.RoundTripper()
	for _, key := range req.Revoke {
		switch {
		case req.DryRun:
		case req.Now:
			p.auditor.RevokedNow(key)
		default:
			p.auditor.Revoked(key)
		}
	}
	p.ForgetHistory()
	gate := &turnstile{next: s, chance: rand.New(rand.NewPCG(seed, 7))}
	var ended atomic.Int32
	reports, panics := make([]*report.Report, n), make([]any, n)
	for i := range n {
		o := p.Surroundings()
		way := lane{gate, fmt.Sprint("run-", i)}
		o.API, o.Endpoints, o.Clock, o.RunID = way, way, clock.Real(), way.name
		go func() {
			defer ended.Add(1)
			defer func() {
				if err := recover(); err != nil {
					panics[i] = fmt.Sprintf("%v\n%s", err, debug.Stack())
				}
			}()
			var err error
			if reports[i], err = run.Do(p.t.Context(), p.Cfg, req, o); err != nil {
				reports[i] = &report.Report{Outcome: refused, Findings: []report.Finding{{Text: err.Error()}}}
			}
		}()
	}
	gate.play(&ended, int32(n))
	for _, key := range req.Revoke {
		p.auditor.Unsaid(key)
	}
	for i, rep := range reports {
		if panics[i] != nil || rep == nil {
			p.wrong = append(p.wrong, fmt.Sprintf("a run panicked: %v", panics[i]))
			reports[i] = &report.Report{}
			continue
		}
		for _, a := range rep.Applications {
			looked := slices.Contains([]string{"rotated", "kept", "published"}, a.Action) && !strings.HasPrefix(a.Why, "no function of this project")
			if looked && !req.DryRun && s.k == 0 {
				p.attended[a.Name] = attendance{time.Now(), p.published(a.Name)}
			}
		}
		p.wrong = append(p.wrong, p.unkept(req, rep, n > 1)...)
	}
	if after := p.untouchable(); after != before {
		p.wrong = append(p.wrong, "I4: it changed what is not in scope\n"+before+"became\n"+after)
	}
	return reports
}

// unkept tells what a request was promised, and did not get.
func (p *player) unkept(req run.Request, rep *report.Report, shared bool) (wrong []string) {
	switch {
	case rep.Outcome == refused && !shared:
		for _, w := range p.Writes() {
			wrong = append(wrong, "a refused request sent "+w)
		}
	case rep.Outcome != report.Success || req.DryRun:
	case len(req.Rollback) > 0 && !shared && !strings.Contains(p.published("orders"), "; held"):
		wrong = append(wrong, "orders was rolled back, and readers get "+p.published("orders"))
	}
	for _, key := range req.Revoke {
		if rep.Outcome != report.Success || req.DryRun {
			continue
		}
		said := false
		for _, a := range rep.Applications {
			if slices.ContainsFunc(p.Keys(a.Name), func(k emulator.KeyPair) bool { return k.AccessKey == key }) {
				wrong = append(wrong, "revoked, key "+key+" lives")
			}
			said = said || slices.ContainsFunc(a.Dead, func(d report.Dead) bool { return d.AccessKey == key && d.Result != "accepted" })
		}
		if !said && !shared {
			wrong = append(wrong, "revoked, key "+key+" is not said to be dead")
		}
	}
	return wrong
}

// runVerbs are the acts that are not people's.
func runVerbs() []verb {
	waits := []time.Duration{time.Minute, 10 * time.Minute, 70 * time.Minute, 6 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 8 * 24 * time.Hour, 31 * 24 * time.Hour}
	all, asks := faults(), asks()
	last := len(asks) - 1
	// An act's number stands for what is asked, and for a fault.
	split := func(m int) (ask, fault) { return asks[m%len(asks)], all[m/len(asks)] }
	most := len(asks)*len(all) - 1
	return []verb{
		{
			weight: 7, n: len(waits) - 1,
			say: func(n, _ int) string { return emulator.SeedAge(waits[n]).String() + " pass" },
			do:  func(p *player, n, _ int) string { p.pass(waits[n]); return "" },
		},
		{
			weight: 6, n: last,
			say: func(n, _ int) string { return asks[n].name },
			do:  func(p *player, n, _ int) string { return p.came(p.oneRun(asks[n], &saboteur{})) },
		},
		{
			weight: 2, n: last,
			say: func(n, _ int) string { return "first dry, " + asks[n].name },
			do:  func(p *player, n, _ int) string { return p.announced(asks[n]) },
		},
		{
			weight: 5, n: 140, m: most,
			say: func(n, m int) string {
				ask, fault := split(m)
				return fmt.Sprintf("%s with %q at request %d", ask.name, fault.name, n+1)
			},
			do: func(p *player, n, m int) string {
				ask, fault := split(m)
				return p.came(p.oneRun(ask, &saboteur{fault: fault, k: n + 1}))
			},
		},
		{
			weight: 5, n: 9, m: most,
			say: func(n, m int) string {
				ask, fault := split(m)
				return fmt.Sprintf("%s with %q at change %d", ask.name, fault.name, n+1)
			},
			do: func(p *player, n, m int) string {
				ask, fault := split(m)
				return p.came(p.oneRun(ask, &saboteur{fault: fault, k: n + 1, changes: true}))
			},
		},
		{
			weight: 2, n: 50, m: last,
			say: func(n, m int) string { return fmt.Sprintf("%s twice at once, interleaving %d", asks[m].name, n) },
			do: func(p *player, n, m int) string {
				p.summon()
				reports := p.runs(2, uint64(n), asks[m].request(p), &saboteur{})
				return p.came(reports[0]) + "; " + p.came(reports[1])
			},
		},
	}
}

// announced is a dry run and a real one at once: the one sends no request that
// changes anything, the other makes exactly the changes that were announced
// (I5). Which deployments fail, nobody can announce: then it does no others.
func (p *player) announced(a ask) string {
	p.summon()
	req := a.request(p)
	req.DryRun = true
	dry := p.runs(1, 1, req, &saboteur{})[0]
	for _, w := range p.Writes() {
		p.wrong = append(p.wrong, "I5: the dry run sent "+w)
	}
	req.DryRun = false
	wet := p.runs(1, 1, req, &saboteur{})[0]
	said, done := runtest.Did(dry), runtest.Did(wet)
	if slices.ContainsFunc(wet.Consumers, func(c report.Consumer) bool { return c.Result == "failed" }) {
		done = slices.DeleteFunc(done, func(change string) bool { return slices.Contains(said, change) })
		said = nil
	}
	if !slices.Equal(said, done) || (dry.Outcome == refused) != (wet.Outcome == refused) {
		p.wrong = append(p.wrong, fmt.Sprintf("I5: announced were\n    %s\n  and done\n    %s", strings.Join(runtest.Did(dry), ", "), strings.Join(runtest.Did(wet), ", ")))
	}
	return p.came(wet)
}
