package forecast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// hashMemory makes the emulator's hashes cheap, in KiB.
const hashMemory = 8

// mintSeed makes identifiers other than those of the emulators that tests and demos
// read from: these would be taken.
const mintSeed = 0x9e3779b97f4a7c15

// play is an emulator with what was found, and the runs in it.
type play struct {
	*emulator.Emulator

	options  Options
	found    *snapshot
	cfg      config.Config
	function string // the ID of the function that runs
	clock    clock.Clock
	watch    *watch
	unplayed []string
}

func newPlay(o Options, found *snapshot) (*play, error) {
	quotas := emulator.Quotas{KeysPerOrganization: o.KeyQuota}
	if o.KeyQuota > 0 {
		quotas.KeysPerOrganization++ // the emulator's owner has one, too
	}
	seed, unplayed := found.seed()
	e := emulator.New(emulator.Options{Clock: emulator.NewManualClock(found.at), Seed: mintSeed, HashMemory: hashMemory, Quotas: quotas})
	if err := e.Load(seed); err != nil {
		return nil, fmt.Errorf("what was found cannot be played: %w", err)
	}
	p := &play{
		Emulator: e, options: o, found: found, unplayed: unplayed,
		clock: clock.Clock{Now: e.Clock().Now, Sleep: e.Clock().Sleep, After: e.Clock().After, Emulated: true},
	}
	if err := p.findFunction(); err != nil {
		return nil, err
	}
	if err := p.remember(); err != nil {
		return nil, err
	}
	access, secret := e.Owner()
	client, err := scaleway.New(scaleway.Options{
		APIURL: config.DefaultAPIURL, AccessKey: access, SecretKey: redact.New(secret), OrganizationID: o.Caller.Organization, ProjectID: o.Caller.Project,
		Transport: e.RoundTripper(), Clock: p.clock, Concurrency: 4, RequestsPerSecond: 1000,
	})
	if err != nil {
		return nil, err
	}
	p.watch = newWatch(client, p.cfg, found, access)
	p.watch.readers, p.watch.quota = o.Readers, o.KeyQuota
	return p, nil
}

// findFunction finds the function that runs in the emulator, and its settings.
func (p *play) findFunction() error {
	region, name := "fr-par", "key-rotator-not-deployed/rotator"
	if own, _ := p.found.own(); own != nil {
		region, name = own.Region, own.Namespace.Name+"/"+own.Name
	}
	for _, e := range p.Endpoints() {
		if e.Product == "functions" && e.Region == region && e.Namespace+"/"+e.Name == name && e.Project == p.found.project {
			p.function = e.ID
		}
	}
	return p.summon()
}

// summon gives the function the environment of its revision, as the platform does.
func (p *play) summon() (err error) {
	var own scaleway.KeyPair
	for _, line := range p.Running(p.function) {
		switch name, value, _ := strings.Cut(line, "="); name {
		case config.Prefix + "ACCESS_KEY":
			own.AccessKey = value
		case config.Prefix + "SECRET_KEY":
			own.Secret = redact.New(value)
		}
	}
	if own.AccessKey == "" || own.Secret.Empty() {
		return errors.New("the function has no key in its variables: it could not run")
	}
	p.cfg, err = p.options.config(own)
	return err
}

// remember writes a ledger where there is one: what stands in the real one is not read,
// but for what a run needs to know of its own key.
func (p *play) remember() error {
	if !p.found.remembers {
		return nil
	}
	pair := scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: p.cfg.AccessKey}, Secret: p.cfg.SecretKey}
	data, _ := ledger.Ledger{Own: map[string]string{pair.AccessKey: ledger.KeyOf(pair)}}.Encode()
	project := p.found.project
	if project == p.found.organization {
		project = "default"
	}
	return p.Load(emulator.Seed{Secrets: []emulator.SeedSecret{{
		Name: ledgerName, Project: project, Region: p.cfg.SecretRegion, Path: p.cfg.SecretPath, Tags: []string{"rotator"},
		Versions: []emulator.SeedVersion{{Data: string(data), Description: "rotator: ledger"}},
	}}})
}

// run does the runs that the schedule has, until the last day is over.
func (p *play) run(ctx context.Context, schedule *emulator.Schedule) error {
	if err := p.watch.begin(ctx); err != nil {
		return err
	}
	end := p.found.at.AddDate(0, 0, p.options.Days)
	for at := schedule.Next(p.Clock().Now()); !at.IsZero() && at.Before(end); at = schedule.Next(p.Clock().Now()) {
		p.pass(at)
		if err := p.summon(); err != nil {
			return err
		}
		p.watch.cfg = p.cfg
		p.ForgetHistory() // nobody asks for it
		rep, err := run.Do(ctx, p.cfg, run.Request{}, run.Options{
			API: p.RoundTripper(), Endpoints: p.RoundTripper(), Clock: p.clock, Log: slog.New(slog.DiscardHandler), RunID: "forecast",
		})
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := p.watch.after(ctx, at, rep); err != nil {
			return err
		}
	}
	p.pass(end)
	p.watch.end(end)
	return nil
}

// pass moves the clock.
func (p *play) pass(until time.Time) { p.Clock().Advance(until.Sub(p.Clock().Now())) }
