package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// demoFunction is the function itself, as the demo project has it.
const demoFunction = "key-rotator"

// demo is the demo project in an emulator.
type demo struct {
	*emulator.Emulator

	environ []string // the function's environment there
}

// newDemo loads the demo project. extra goes over its environment.
func newDemo(o emulator.Options, extra []string) (*demo, error) {
	e := emulator.New(o)
	if err := e.Load(emulator.Demo()); err != nil {
		return nil, err
	}
	keys := e.Keys("rotator")
	if len(keys) == 0 {
		return nil, fmt.Errorf("the demo has no key of application rotator")
	}
	return &demo{Emulator: e, environ: append([]string{
		config.Prefix + "ACCESS_KEY=" + keys[0].AccessKey,
		config.Prefix + "SECRET_KEY=" + keys[0].SecretKey,
		config.Prefix + "ORGANIZATION_ID=" + e.Organization(),
		config.Prefix + "PROJECT_ID=" + e.Project("demo"),
		config.Prefix + "REQUESTS_PER_SECOND=1000", // the emulator has no limit to respect
	}, extra...)}, nil
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
