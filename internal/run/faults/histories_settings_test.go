package faults_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// settingsVerbs are what people set for the function, and undo again.
func settingsVerbs() []verb {
	names := []string{"courier", "batch", "packer", "jobs"}
	return []verb{
		{
			weight: 3, n: len(names) - 1,
			say: func(n, _ int) string { return "a person excludes " + names[n] + ", or does not any more" },
			do: func(p *player, n, _ int) string {
				if i := slices.Index(p.Cfg.ConsumersExclude, names[n]); i >= 0 {
					p.Cfg.ConsumersExclude = slices.Delete(slices.Clone(p.Cfg.ConsumersExclude), i, i+1)
				} else {
					p.Cfg.ConsumersExclude = append(slices.Clone(p.Cfg.ConsumersExclude), names[n])
				}
				return fmt.Sprint(p.Cfg.ConsumersExclude)
			},
		},
		{
			weight: 2,
			say:    func(int, int) string { return "a person has consumers reported only, or not any more" },
			do: func(p *player, _, _ int) string {
				p.Cfg.Consumers = map[string]string{config.ConsumersDeliver: config.ConsumersReport, config.ConsumersReport: config.ConsumersDeliver}[p.Cfg.Consumers]
				return p.Cfg.Consumers
			},
		},
		{
			weight: 1,
			say:    func(int, int) string { return "a person leaves out the region, or takes it in again" },
			do: func(p *player, _, _ int) string {
				if p.Cfg.Regions = []string{"nl-ams"}; p.settings.Regions == nil || slices.Equal(p.Cfg.Regions, p.settings.Regions) {
					p.Cfg.Regions = p.settings.Regions
				}
				return fmt.Sprint(p.Cfg.Regions)
			},
		},
		{
			weight: 2, n: len(applications),
			say: func(n, _ int) string {
				return "a person deletes the secret of " + append(slices.Clone(applications), "the ledger")[n] + ", or restores it"
			},
			do: func(p *player, n, _ int) string {
				name := "rotator-ledger"
				if n < len(applications) {
					name = p.Application(applications[n])
				}
				secrets := p.secretsNamed(name)
				slices.SortStableFunc(secrets, func(a, b kept) int { // those that are here, then those that are not going
					return strings.Compare(fmt.Sprint(!a.here, a.going), fmt.Sprint(!b.here, b.going))
				})
				s, ok := pick(secrets, 0)
				switch {
				case !ok:
					return nothing
				case s.going:
					return "restored " + p.byHand(http.MethodPost, s.path+"/restore", map[string]any{})
				}
				p.forgot = p.forgot || n == len(applications)
				return "deleted " + p.byHand(http.MethodDelete, s.path, nil)
			},
		},
		{
			weight: 7, n: len(applications) - 1, m: 7,
			say: func(n, m int) string {
				return fmt.Sprintf("a person publishes another secret beside access key %d of %s%s", m/2, applications[n], []string{"", ", and what was current"}[m%2])
			},
			do: func(p *player, n, m int) string { return p.claim(applications[n], m/2, m%2 == 1) },
		},
		{
			weight: 2, n: len(spots()) - 1,
			say: func(n, _ int) string { return "a person has credentials published in " + spots()[n].String() },
			do:  func(p *player, n, _ int) string { p.publishesAt(spots()[n]); return "" },
		},
	}
}

// spot is where credentials are published.
type spot struct{ region, path string }

func (s spot) String() string { return s.path + " in " + s.region }

// spots are those that people set.
func spots() []spot {
	return []spot{{"fr-par", "/rotator"}, {"fr-par", "/elsewhere"}, {"nl-ams", "/rotator"}}
}

func (p *player) publishesAt(s spot) {
	if s == (spot{p.Cfg.SecretRegion, p.Cfg.SecretPath}) {
		return
	}
	p.Cfg.SecretRegion, p.Cfg.SecretPath = s.region, s.path
	p.auditor.PublishesAt(s.region, s.path)
}

// kept is a secret of a name, wherever it is.
type kept struct {
	path        string
	here, going bool // where credentials are published; deleted, and still to be restored
}

func (p *player) secretsNamed(name string) (out []kept) {
	for _, region := range []string{"fr-par", "nl-ams"} {
		for _, going := range []bool{false, true} {
			for _, s := range p.list(fmt.Sprint(secAPI(region), "?page_size=100&scheduled_for_deletion=", going, "&name=", name, "&project_id=", p.Project("demo")), "secrets") {
				out = append(out, kept{fmt.Sprint(secAPI(region), "/", s["id"]), region == p.Cfg.SecretRegion && s["path"] == p.Cfg.SecretPath, going})
			}
		}
	}
	return out
}

// claim publishes a version, as the rotator would describe it, that holds another
// secret than its access key has; and on top of it, perhaps, what readers got
// until then.
func (p *player) claim(app string, n int, again bool) string {
	keys := p.Keys(app)
	slices.Reverse(keys) // the youngest first
	k, ok := pick(keys, n)
	if !ok {
		return nothing
	}
	published := p.published(app)
	pair := func(access, secret string) string {
		return fmt.Sprintf(`{"access_key":%q,"secret_key":%q}`, access, secret)
	}
	came := k.AccessKey + " " + p.publish(app, pair(k.AccessKey, "11111111-2222-4333-8444-555555555555"), "rotator: key "+k.AccessKey)
	for _, was := range keys {
		if again && strings.Contains(published, was.AccessKey) {
			came += ", " + was.AccessKey + " " + p.publish(app, pair(was.AccessKey, was.SecretKey), "rotator: key "+was.AccessKey)
		}
	}
	return came
}

// oddNames are variables that say nothing of what they hold, or the wrong thing.
var oddNames = []string{"secret_1", "ORDERS_SECRET", "X", "x", "returns", "NOT_A_KEY", "Z9", "ORDERS_TOKEN"}

// renamed is a world in which secret variables have other names: those of number
// 0 are as they were.
func renamed(seed emulator.Seed, n int) emulator.Seed {
	chance := rand.New(rand.NewPCG(uint64(n), 5))
	other := func(env map[string]string) map[string]string {
		out := map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(env)) {
			to := name
			for n > 0 && name != "DB_PASSWORD" && !strings.HasPrefix(name, "ROTATOR_") {
				to = oddNames[chance.IntN(len(oddNames))]
				if chance.IntN(3) == 0 {
					to = fmt.Sprintf("%c%X", 'a'+rune(chance.IntN(26)), chance.Uint32())
				}
				if _, taken := out[to]; !taken {
					break
				}
			}
			out[to] = env[name]
		}
		return out
	}
	place := seed.Serverless[0]
	place.FunctionNamespaces, place.ContainerNamespaces = slices.Clone(place.FunctionNamespaces), slices.Clone(place.ContainerNamespaces)
	for i := range place.FunctionNamespaces {
		space := &place.FunctionNamespaces[i]
		space.SecretEnv, space.Functions = other(space.SecretEnv), slices.Clone(space.Functions)
		for k := range space.Functions {
			space.Functions[k].SecretEnv = other(space.Functions[k].SecretEnv)
		}
	}
	for i := range place.ContainerNamespaces {
		space := &place.ContainerNamespaces[i]
		space.SecretEnv, space.Containers = other(space.SecretEnv), slices.Clone(space.Containers)
		for k := range space.Containers {
			space.Containers[k].SecretEnv = other(space.Containers[k].SecretEnv)
		}
	}
	seed.Serverless = append([]emulator.SeedPlace{place}, seed.Serverless[1:]...)
	return seed
}
