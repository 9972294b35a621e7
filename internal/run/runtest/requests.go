package runtest

import (
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Only keeps the discovery of these scenarios short: each of its requests is
// struck by each fault.
func Only() []string { return []string{"ROTATOR_REGIONS=fr-par"} }

// Deployment is the path that deploys a function or container again.
func Deployment(e emulator.Endpoint) string {
	if e.Product == "functions" {
		return "/functions/v1beta1/regions/" + e.Region + "/functions/" + e.ID + "/deploy"
	}
	return "/containers/v1/regions/" + e.Region + "/containers/" + e.ID + "/redeploy"
}

// Rollback asks for the keys before.
func Rollback(applications ...string) run.Request { return run.Request{Rollback: applications} }

// RevokeNow asks that keys are deleted at once.
func RevokeNow(keys ...string) run.Request { return run.Request{Revoke: keys, Now: true} }

// Revoke asks that keys are replaced and deleted.
func Revoke(keys ...string) run.Request { return run.Request{Revoke: keys} }
