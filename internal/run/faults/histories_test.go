package faults_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// act is one step of a history: plain data, so that rapid can shrink it. What n
// and m mean is the verb's business; things are meant by their place among those
// that exist at the time.
type act struct {
	verb *verb
	n, m int
}

func (a act) String() string { return a.verb.say(a.n, a.m) }

// verb is a kind of act.
type verb struct {
	weight int
	n, m   int // the greatest that an act's numbers can be
	say    func(n, m int) string
	do     func(p *player, n, m int) (came string)
}

// histories draws a history before its bubble starts. The verbs are in the order
// in which rapid prefers them.
func histories(all []verb) *rapid.Generator[[]act] {
	var weighted []*verb
	for i := range all {
		for range all[i].weight {
			weighted = append(weighted, &all[i])
		}
	}
	one := rapid.Custom(func(t *rapid.T) act {
		v := rapid.SampledFrom(weighted).Draw(t, "verb")
		return act{v, rapid.IntRange(0, v.n).Draw(t, "n"), rapid.IntRange(0, v.m).Draw(t, "m")}
	})
	// A slice of rapid's is short, as a rule: a history is a few of them.
	return rapid.Map(rapid.SliceOfN(rapid.SliceOfN(one, 0, 8), 1, 5), func(chapters [][]act) []act { return slices.Concat(chapters...) })
}

// applications are those whose keys the histories are about.
var applications = []string{"orders", "returns"}

// beginning is a world in which histories start.
type beginning struct {
	seed     emulator.Seed
	settings []string
	verbs    []verb
	carriers bool // functions, containers and namespaces carry keys, the function its own
}

func beginnings() map[string]beginning {
	const returnsID, keyR = "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f202", "SCWRRRRRRRRRRRRRRRRR"
	with := func(seed emulator.Seed, key emulator.SeedKey, secrets ...emulator.SeedSecret) emulator.Seed {
		key.AccessKey = keyR
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: "returns", ID: returnsID, Keys: []emulator.SeedKey{key},
			Policies: []emulator.SeedPolicy{{Name: "returns", Rules: emulator.CallerRules("demo")}},
		})
		for _, s := range secrets {
			s.Name, s.Tags = returnsID, []string{"rotator", "application=" + returnsID}
			seed.Secrets = append(seed.Secrets, s)
		}
		return seed
	}
	keys := func(k ...emulator.SeedKey) emulator.SeedApplication { return emulator.SeedApplication{Keys: k} }
	person := emulator.SeedKey{AccessKey: runtest.KeyA, Age: runtest.Age(200), Project: "demo"}
	legacy := runtest.Small(keys(person))
	legacy.Serverless[0].FunctionNamespaces[0].Tokens = []emulator.SeedToken{{Description: "old"}}
	legacy.Serverless[0].ContainerNamespaces[0].Containers[0].Tokens = []emulator.SeedToken{{Description: "old"}}
	middle := with(runtest.Small(keys(runtest.Minted(runtest.KeyA, 33), runtest.Minted(runtest.KeyB, 3)), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 33), runtest.Holds(runtest.KeyB, 3))),
		runtest.Minted(keyR, 29), runtest.CredentialOf(runtest.Holds(keyR, 29)))
	verbs := append(runVerbs(), peopleVerbs()...)
	// Nobody published the key that everybody carries, and nothing names it.
	byHand := runtest.Carrying(31)
	byHand.Applications[1].Keys, byHand.Secrets = []emulator.SeedKey{person}, nil
	place := &byHand.Serverless[0]
	place.FunctionNamespaces[0].Functions[1].Env = nil
	place.ContainerNamespaces[1].Env = nil
	consuming := slices.Concat(verbs, consumerVerbs(), settingsVerbs())
	return map[string]beginning{
		"before the first run": {seed: with(legacy, person), verbs: verbs},
		"in the middle":        {seed: middle, verbs: verbs},
		"with consumers": {
			seed: with(runtest.Superseded(), runtest.Minted(keyR, 29), runtest.CredentialOf(runtest.Holds(keyR, 29))), settings: runtest.Only(),
			verbs: consuming, carriers: true,
		},
		"with hand-made keys": {
			seed: with(byHand, runtest.Minted(keyR, 29), runtest.CredentialOf(runtest.Holds(keyR, 29))), settings: runtest.Only(),
			verbs: consuming, carriers: true,
		},
	}
}

// player plays a history in a bubble. Nothing in it may fail the test: rapid
// plays histories again to shrink them.
type player struct {
	*runtest.Rig

	t        *testing.T
	auditor  *emulator.Auditor
	lines    []string // the history as it went
	wrong    []string // what broke in the last act
	attended map[string]attendance
	begun    beginning
	failing  map[string]bool    // by id: functions and containers whose deployments fail
	seen     []emulator.KeyPair // of orders, those that live or did
	settings config.Config      // as they were in the beginning
	forgot   bool               // a person deleted the ledger: who carries a key that is gone may be past finding
}

// play plays one history in a bubble, and returns it as it went, a line an act,
// and what broke, if anything did. names numbers how the consumers' variables are
// called.
func play(t *testing.T, begun beginning, names int, history []act) (lines, wrong []string, requests int) {
	t.Helper()
	r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock(), Seed: 3}, renamed(begun.seed, names), append(begun.settings, "ROTATOR_CONCURRENCY=64")...)
	rules := emulator.AuditRules{Project: r.Project("demo"), Path: "/rotator", Applications: applications, OwnKey: r.Cfg.AccessKey, Grace: r.Cfg.Grace}
	if begun.carriers {
		rules.OwnApplication = "rotator"
	}
	p := &player{Rig: r, t: t, attended: map[string]attendance{}, auditor: r.Audit(rules), begun: begun, failing: map[string]bool{}, settings: r.Cfg}
	listen := r.Listen()
	start := time.Now()
	for _, a := range append(history, aftermath()...) {
		at := time.Since(start).Round(time.Second)
		p.remember()
		came := a.verb.do(p, a.n, a.m)
		p.lines = append(p.lines, fmt.Sprintf("day %2d %8s  %-60s %s", at/(24*time.Hour), at%(24*time.Hour), a, came))
		if _, violations := p.auditor.Result(); len(violations) > 0 {
			p.wrong = append(p.wrong, violations[0]) // the others follow from it, as a rule
		}
		if len(p.wrong) > 0 {
			break
		}
	}
	listen.Known.Learn(r.Emulator)
	for _, leak := range listen.Known.Leaks(listen.Said.String()) {
		p.wrong = append(p.wrong, "I3: it says a secret: "+leak)
	}
	requests, _ = p.auditor.Result()
	return p.lines, p.wrong, requests
}

// aftermath is what follows each history: clean runs, so far apart that graces
// end and orphans are old, and then everything must be in order. One of them comes
// before the grace of what the first has delivered is over.
func aftermath() []act {
	wait := func(d time.Duration) act {
		return act{verb: &verb{
			say: func(int, int) string { return "at last, " + emulator.SeedAge(d).String() + " pass" },
			do:  func(p *player, _, _ int) string { p.pass(d); return "" },
		}}
	}
	last := act{verb: &verb{
		say: func(int, int) string { return "a last run" },
		do: func(p *player, _, _ int) string {
			rep := p.oneRun(asks()[0], &saboteur{})
			p.wrong = append(p.wrong, unconverged(p.Rig, rep, p.carried)...)
			p.wrong = append(p.wrong, p.unmended(rep)...)
			p.wrong = append(p.wrong, p.undelivered(rep)...)
			return p.came(rep)
		},
	}}
	clean := act{verb: &runVerbs()[1]}
	usual := act{verb: &verb{
		say: func(int, int) string { return "at last, the settings are the usual ones" },
		do: func(p *player, _, _ int) string {
			access, secret := p.Cfg.AccessKey, p.Cfg.SecretKey
			p.publishesAt(spot{p.settings.SecretRegion, p.settings.SecretPath})
			p.Cfg = p.settings
			p.Cfg.AccessKey, p.Cfg.SecretKey = access, secret
			return ""
		},
	}}
	return []act{usual, wait(70 * time.Minute), clean, wait(6 * runtest.Day), clean, wait(2*runtest.Day + 70*time.Minute), clean, wait(70 * time.Minute), last}
}

// carried tells whether a run has noted that a consumer carried a key.
func (p *player) carried(application, accessKey string) bool {
	return slices.ContainsFunc(p.versions(application, "enabled", "disabled"), func(v map[string]any) bool {
		description, _ := v["description"].(string)
		return rotate.VersionKey(description) == accessKey && !rotate.ReadMark(description).CarriedUntil.IsZero()
	})
}

// unmended tells which credentials are out of order still, and nothing says why.
func (p *player) unmended(rep *report.Report) []string {
	var wrong []string
	for _, name := range p.auditor.Spoilt() {
		for _, a := range rep.Applications {
			if a.Name == name && a.InScope && !slices.Contains([]string{"left alone", "failed", "waiting"}, a.Action) {
				wrong = append(wrong, "the credential of "+name+" is out of order, and it was "+a.Action)
			}
		}
	}
	return wrong
}

// attendance is when a run last saw to an application, and what it published.
type attendance struct {
	at        time.Time
	published string
}

// pass lets time pass. A key that nobody looked after may die meanwhile: neither
// since it was due, nor since a person went back to it.
func (p *player) pass(d time.Duration) {
	var forgiven []string
	for _, name := range append([]string{"rotator"}, applications...) {
		last, most := p.attended[name], p.Cfg.KeyLifetime-p.Cfg.RotateAfter
		if strings.Contains(last.published, "; held") { // it is replaced a grace before it dies
			most = p.Cfg.Grace
		}
		if time.Since(last.at)+d > most-time.Hour || p.published(name) != last.published {
			forgiven = append(forgiven, name)
		}
	}
	time.Sleep(d)
	for _, name := range forgiven {
		p.auditor.Forgive(name)
	}
}

// TestHistories plays random histories: time, runs, what is asked of them, faults
// and what people do by hand, audited after every request. -rapid.seed and -rapid.checks choose others.
func TestHistories(t *testing.T) {
	settle(t, map[string]string{"rapid.checks": fmt.Sprint(runtest.Some(200)), "rapid.seed": "1", "rapid.nofailfile": "true"})
	for name, begun := range beginnings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var played, acts, requests int
			broken, broke, called := false, []act{}, 0 // the last history that broke something
			try := func(names int, history []act) (lines, wrong []string) {
				synctest.Test(t, func(t *testing.T) {
					var audited int
					lines, wrong, audited = play(t, begun, names, history)
					played, acts, requests = played+1, acts+len(history), requests+audited
				})
				return lines, wrong
			}
			defer func() { // rapid ends the test where it fails
				t.Logf("histories that begin %s: %d, with %d acts, %d requests audited", name, played, acts, requests)
				if broken {
					lines, wrong := try(called, trim(broke, func(h []act) bool { _, wrong := try(called, h); return len(wrong) > 0 }))
					t.Errorf("with names %d, it went so:\n  %s\nand that broke:\n  %s", called, strings.Join(lines, "\n  "), strings.Join(wrong, "\n  "))
				}
			}()
			rapid.Check(t, func(rt *rapid.T) {
				names, history := rapid.IntRange(0, 99).Draw(rt, "names"), histories(begun.verbs).Draw(rt, "history")
				if _, wrong := try(names, history); len(wrong) > 0 {
					broken, broke, called = true, history, names
					rt.Fatal("an invariant broke")
				}
			})
		})
	}
}

// trim goes on where rapid's time to shrink is over: it leaves out whatever can
// be left out, and makes every number as small as it can be.
func trim(history []act, breaks func([]act) bool) []act {
	for again := true; again; {
		again = false
		take := func(shorter []act) bool {
			if !breaks(shorter) {
				return false
			}
			history, again = shorter, true
			return true
		}
		for i := len(history) - 1; i >= 0; i-- {
			if take(slices.Concat(history[:i], history[i+1:])) {
				continue
			}
			for _, number := range []func(*act) *int{func(a *act) *int { return &a.n }, func(a *act) *int { return &a.m }} {
				for smaller := 0; smaller < *number(&history[i]); smaller = (smaller + *number(&history[i]) + 1) / 2 {
					other := slices.Clone(history)
					*number(&other[i]) = smaller
					if take(other) {
						break
					}
				}
			}
		}
	}
	return history
}

// settle sets the flags that the command line does not.
func settle(t *testing.T, values map[string]string) {
	t.Helper()
	flag.Visit(func(f *flag.Flag) { delete(values, f.Name) })
	for name, value := range values {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
}
