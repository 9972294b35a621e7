package faults_test

import (
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// carrierScenarios are those with consumers that carry a key.
func carrierScenarios() []scenario {
	return []scenario{
		{name: "consumers get the new key", seed: func() emulator.Seed { return runtest.Carrying(31) }, settings: runtest.Only(), settled: true, rotated: 1},
		{name: "a consumer's deployment fails", seed: runtest.Failing, settings: runtest.Only(), rotated: 1},
		{name: "the function's own key stands in Secret Manager", seed: runtest.OwnPublished, settings: runtest.Only(), settled: true, rotated: 1, own: true},
		{name: "the function's own key is due", seed: runtest.OwnDue, settings: runtest.Only(), settled: true, rotated: 1, own: true},
		{
			name: "the current key is revoked", seed: func() emulator.Seed { return runtest.Carrying(10) }, settings: runtest.Only(), settled: true, rotated: 1,
			request: run.Request{Revoke: []string{runtest.KeyA}}, revoked: runtest.KeyA,
		},
		{
			name: "a superseded key is revoked", seed: runtest.Superseded, settings: runtest.Only(), settled: true,
			request: run.Request{Revoke: []string{runtest.KeyB}}, revoked: runtest.KeyB,
		},
		{
			name: "a rollback", seed: runtest.Superseded, settings: runtest.Only(), settled: true,
			request: run.Request{Rollback: []string{"orders"}},
		},
	}
}
