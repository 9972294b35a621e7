package secrets

import (
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// ephemeralPolicy is what a secret gives to its new versions.
type ephemeralPolicy struct {
	TimeToLive          *wire.Seconds `json:"time_to_live"`
	ExpiresOnceAccessed bool          `json:"expires_once_accessed"`
	Action              string        `json:"action"` // delete or disable
}

// ephemeralProperties are what a version has of it.
type ephemeralProperties struct {
	ExpiresAt           wire.Stamp `json:"expires_at"`
	ExpiresOnceAccessed bool       `json:"expires_once_accessed"`
	Action              string     `json:"action"`
}

const year = 365 * 24 * time.Hour

// check holds "from one second and up to one year" (the SDK).
func (p *ephemeralPolicy) check() error {
	switch {
	case p == nil:
		return nil
	case p.Action != "delete" && p.Action != "disable":
		return wire.Invalid("ephemeral_policy.action", "unknown", "must be delete or disable")
	case p.TimeToLive == nil && !p.ExpiresOnceAccessed:
		return wire.Invalid("ephemeral_policy", "required", "time_to_live or expires_once_accessed must be set")
	case p.TimeToLive != nil && (time.Duration(*p.TimeToLive) < time.Second || time.Duration(*p.TimeToLive) > year):
		return wire.Invalid("ephemeral_policy.time_to_live", "constraint", "must be between one second and one year")
	}
	return nil
}

// properties are those of a version made now.
func (p *ephemeralPolicy) properties(now time.Time) *ephemeralProperties {
	if p == nil {
		return nil
	}
	props := &ephemeralProperties{ExpiresOnceAccessed: p.ExpiresOnceAccessed, Action: p.Action}
	if p.TimeToLive != nil {
		props.ExpiresAt = wire.At(now.Add(time.Duration(*p.TimeToLive)))
	}
	return props
}

// settle does what time has brought about: ephemeral versions expire, and
// what was scheduled for deletion is erased. An erased version stays listed as
// deleted, an erased secret is gone (A62).
func (state *regional) settle(erasure time.Duration, now time.Time) {
	for _, s := range state.rows.All(nil) {
		if s.DeletionRequestedAt.Due(now.Add(-erasure)) {
			state.erase(s)
			continue
		}
		for _, v := range s.Versions {
			if p := v.EphemeralProperties; p != nil && p.ExpiresAt.Due(now) {
				v.expire(p.ExpiresAt)
			}
			if v.Status == versionScheduled && v.DeletionRequestedAt.Due(now.Add(-erasure)) {
				v.erase(wire.At(v.DeletionRequestedAt.Time.Add(erasure)))
			}
		}
	}
}

// expire does what an ephemeral version's action says. What delete does to it
// was never recorded: erased, with no days of grace (A62).
func (v *Version) expire(when wire.Stamp) {
	if v.Status != VersionEnabled {
		return
	}
	if v.EphemeralProperties.Action == "delete" {
		v.erase(when)
		return
	}
	v.Status, v.UpdatedAt = VersionDisabled, when
}

func (v *Version) erase(when wire.Stamp) {
	v.Status, v.DeletedAt, v.Data, v.crc = versionDeleted, when, nil, nil
}
