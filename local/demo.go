package main

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// demoFunction is the function itself, as the demo project has it.
const demoFunction = "key-rotator"

// demo is a project in an emulator, and the function's environment there.
type demo struct {
	*emulator.Emulator

	environ []string
	control string // the control secret of environ
}

// newDemo loads a seed, which must have an application named rotator with a key.
// extra goes over the function's environment.
func newDemo(o emulator.Options, seedName string, extra []string) (*demo, error) {
	seed, err := seedOf(seedName)
	e := emulator.New(o)
	if err == nil {
		err = e.Load(seed)
	}
	if err != nil {
		return nil, misused("--seed %s: %s", seedName, strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	project, err := defaultProject(e, "")
	if err != nil {
		return nil, err
	}
	keys := e.Keys("rotator")
	if len(keys) == 0 {
		return nil, misused("--seed %s: it has no application rotator with a key, which the function would run on", seedName)
	}
	own := keys[len(keys)-1]
	control, extra := controlSecret(extra)
	return &demo{Emulator: e, control: control, environ: append([]string{
		config.Prefix + "ACCESS_KEY=" + own.AccessKey,
		config.Prefix + "SECRET_KEY=" + own.SecretKey,
		config.Prefix + "ORGANIZATION_ID=" + e.Organization(),
		config.Prefix + "PROJECT_ID=" + project,
		config.Prefix + "REQUESTS_PER_SECOND=1000", // the emulator has no limit to respect
	}, extra...)}, nil
}

// controlSecret is the control secret of an environment; where that has none, one
// is made.
func controlSecret(environ []string) (secret string, with []string) {
	const name = config.Prefix + "CONTROL_SECRET="
	for _, line := range slices.Backward(environ) {
		if value, is := strings.CutPrefix(line, name); is && value != "" {
			return value, environ
		}
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	secret = hex.EncodeToString(b[:])
	return secret, append(slices.Clone(environ), name+secret)
}

// demoStart is what the demo's clock reads at first: whole seconds, as the API
// tells its time, so that a key of 20 days is not one of 19 days and 23:59:59.
func demoStart(now time.Time) time.Time { return now.Truncate(time.Second) }

// settings are the process's own ROTATOR_ variables, and what the function
// refuses to run with.
func (p program) settings() []string {
	var out []string
	for _, line := range p.environ() {
		if strings.HasPrefix(line, config.Prefix) || strings.HasPrefix(line, "SCW_DEBUG=") {
			out = append(out, line)
		}
	}
	return out
}
