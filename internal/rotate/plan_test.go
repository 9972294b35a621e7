package rotate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	forced := policy()
	forced.Force = true
	for _, tt := range []struct {
		name   string
		state  rotate.State
		policy rotate.Policy
		want   []string
	}{
		{"an application without any key gets its first", state(nil), policy(), []string{"rotate: no key is published yet"}},
		{
			"a person's key lives on until something is published",
			state([]scaleway.APIKey{key("A", 400*day)}), policy(),
			[]string{"rotate: no key is published yet", "A unpublished"},
		},
		{
			"age just below rotate-after is kept",
			state([]scaleway.APIKey{key("A", 30*day-time.Nanosecond, ours)}, version(1, "A", 30*day)), policy(),
			[]string{"A current"},
		},
		{
			"age equal to rotate-after is due",
			state([]scaleway.APIKey{key("A", 30*day, ours)}, version(1, "A", 30*day)), policy(),
			[]string{"rotate: its age of 30d has reached 30d", "A current"},
		},
		{
			"force rotates whatever the age",
			state([]scaleway.APIKey{key("A", time.Hour, ours)}, version(1, "A", time.Hour)), forced,
			[]string{"rotate: forced", "A current"},
		},
		{
			"a published key that a person deleted is replaced at once",
			state([]scaleway.APIKey{key("B", 5*day)}, version(1, "A", day)), policy(),
			[]string{"rotate: the published key " + access("A") + " is gone", "B superseded, goes in 144h0m0s"},
		},
		{
			"a published key that expired is replaced at once",
			state([]scaleway.APIKey{key("A", day, ours, expires(0))}, version(1, "A", day)), policy(),
			[]string{"rotate: the published key expired", "A current"},
		},
		{
			"a key that dies too early for the policy is due at two thirds of its life",
			state([]scaleway.APIKey{key("A", 20*day, ours, expires(10*day))}, version(1, "A", 20*day)), policy(),
			[]string{"rotate: two thirds of its life are over: it expires on 2026-12-04", "A current"},
		},
		{
			"and not before",
			state([]scaleway.APIKey{key("A", 20*day-time.Second, ours, expires(10*day+time.Second))}, version(1, "A", 20*day)), policy(),
			[]string{"A current"},
		},
		{
			"a superseded key whose grace is not quite over lives",
			state([]scaleway.APIKey{key("A", 40*day, ours), key("B", 7*day, ours)}, version(2, "B", 7*day-time.Second), version(1, "A", 40*day)), policy(),
			[]string{"A superseded, goes in 1s", "B current"},
		},
		{
			"a superseded key whose grace is just over goes",
			state([]scaleway.APIKey{key("A", 40*day, ours), key("B", 7*day, ours)}, version(2, "B", 7*day), version(1, "A", 40*day)), policy(),
			[]string{"A superseded, goes now", "B current"},
		},
		{
			"a key that was never published counts from the secret's first version",
			state([]scaleway.APIKey{key("A", 400*day), key("B", 6*day, ours)}, version(1, "B", 6*day)), policy(),
			[]string{"A superseded, goes in 24h0m0s", "B current"},
		},
		{
			"a key that a person made yesterday counts from its own creation",
			state([]scaleway.APIKey{key("B", 20*day, ours), key("A", day)}, version(1, "B", 20*day)), policy(),
			[]string{"B current", "A superseded, goes in 144h0m0s"},
		},
		{
			"grace is counted per key, not from the present version",
			state([]scaleway.APIKey{key("A", 60*day, ours), key("B", 29*day, ours), key("C", day, ours)},
				version(3, "C", day), version(2, "B", 29*day), version(1, "A", 60*day)), policy(),
			[]string{"A superseded, goes now", "B superseded, goes in 144h0m0s", "C current"},
		},
		{
			"a version that was just disabled may still be in use",
			state([]scaleway.APIKey{key("A", 20*day, ours), key("B", 10*day, ours)}, version(2, "B", 10*day, disabled(time.Hour)), version(1, "A", 20*day)), policy(),
			[]string{"A current", "B superseded, goes in 167h0m0s"},
		},
		{
			"a key that was gone back to for a while counts from when it was left again",
			state([]scaleway.APIKey{key("A", 40*day, ours), key("B", 20*day, ours), key("C", 2*day, ours)},
				version(3, "C", 2*day), version(2, "B", 20*day, disabled(15*day)), version(1, "A", 40*day)), policy(),
			[]string{"A superseded, goes in 120h0m0s", "B superseded, goes now", "C current"},
		},
		{
			"a version that was just deleted may still be in use",
			state([]scaleway.APIKey{key("A", 20*day, ours), key("B", 10*day, ours)}, version(2, "B", 10*day, deleted(time.Hour)), version(1, "A", 20*day)), policy(),
			[]string{"A current", "B superseded, goes in 167h0m0s"},
		},
		{
			"a version that was enabled again had given its place back",
			state([]scaleway.APIKey{key("A", 20*day, ours), key("B", 10*day, ours)}, version(2, "B", 10*day, enabledAgain(time.Hour)), version(1, "A", 20*day)), policy(),
			[]string{"A superseded, goes in 167h0m0s", "B current"},
		},
		{
			"one that was enabled and disabled again may have, at any time before",
			state([]scaleway.APIKey{key("A", 20*day, ours), key("B", 10*day, ours), key("C", 2*day, ours)},
				version(3, "C", 2*day), version(2, "B", 10*day, disabled(time.Hour)), version(1, "A", 20*day)), policy(),
			[]string{"A superseded, goes in 120h0m0s", "B superseded, goes in 120h0m0s", "C current"},
		},
		{
			"somebody else's version may have held any key until it was deleted",
			state([]scaleway.APIKey{key("A", 40*day), key("B", 20*day, ours), key("C", 9*day, ours)},
				version(3, "", 8*day, foreign, deleted(time.Hour)), version(2, "C", 9*day), version(1, "B", 20*day)), policy(),
			[]string{"A superseded, goes in 167h0m0s", "B superseded, goes in 167h0m0s", "C current"},
		},
		{
			"readers who were sent back to somebody else's version are left with it",
			state([]scaleway.APIKey{key("A", 20*day, ours), key("C", 2*day, ours)},
				version(3, "C", 2*day, disabled(time.Hour)), version(2, "", 10*day, foreign), version(1, "A", 20*day)), policy(),
			[]string{"left alone: version 2 of /rotator/app was not written by the rotator: someone else publishes there", "A unpublished", "C unpublished"},
		},
		{
			"no enabled version at all is mended at once",
			state([]scaleway.APIKey{key("A", 3*day, ours)}, version(1, "A", 3*day, disabled(day))), policy(),
			[]string{"rotate: no version of its secret is enabled", "A superseded, goes in 144h0m0s"},
		},
		{
			"a young key that no version names may belong to a run in progress",
			state([]scaleway.APIKey{key("A", 31*day, ours), key("B", 64*time.Minute, ours)}, version(1, "A", 31*day)), policy(),
			[]string{
				"blocked: key " + access("B") + " is 1h4m old and not published: another run may be at it; the next one after 2026-11-24 12:01:00 goes on",
				"A current", "B in progress, goes in 1m0s",
			},
		},
		{
			"an old one is an orphan, and holds nothing up",
			state([]scaleway.APIKey{key("A", 31*day, ours), key("B", 65*time.Minute, ours)}, version(1, "A", 31*day)), policy(),
			[]string{"rotate: its age of 31d has reached 30d", "A current", "B orphan, goes now"},
		},
		{
			"where somebody changed a description, nothing is taken for an orphan",
			state([]scaleway.APIKey{key("A", 2*day, ours), key("B", 3*day, ours)}, version(2, "A", 2*day), version(1, "B", 3*day, foreign)), policy(),
			[]string{"A current", "B superseded, goes in 120h0m0s"}, // from the last version on
		},
		{
			"someone else's newest version leaves everything alone",
			state([]scaleway.APIKey{key("A", 60*day, ours)}, version(2, "A", day, foreign), version(1, "A", 60*day)), policy(),
			[]string{"left alone: version 2 of /rotator/app was not written by the rotator: someone else publishes there", "A unpublished"},
		},
		{
			"but not one that is on its way out",
			state([]scaleway.APIKey{key("A", 2*day, ours)}, version(2, "A", day, foreign, going), version(1, "A", 2*day)), policy(),
			[]string{"A current"},
		},
		{
			"another project's rotator makes the application off limits",
			state([]scaleway.APIKey{key("A", 60*day, theirs)}), policy(),
			[]string{"left alone: its key " + access("A") + " was made by the rotator of project " + other, "A unpublished"},
		},
		{
			"keys that are Scaleway's or not deletable are never touched",
			state([]scaleway.APIKey{key("A", 400*day, managed), key("C", 400*day, undeletable), key("B", 20*day, ours)}, version(1, "B", 20*day)), policy(),
			[]string{"A managed", "C managed", "B current"},
		},
		{
			"a version whose key is gone is dropped after the grace, the published one never",
			state([]scaleway.APIKey{key("C", 3*day, ours)},
				version(3, "C", 3*day), version(2, "B", 20*day), version(1, "A", 40*day)), policy(),
			[]string{"C current", "version 1 is stale"},
		},
		{
			"grace counts from when the last consumer had left the key",
			state([]scaleway.APIKey{key("A", 60*day, ours), key("B", 29*day, ours)},
				version(2, "B", 29*day), version(1, "A", 60*day, marked(rotate.VersionMark{CarriedUntil: now.Add(-day)}))), policy(),
			[]string{"A superseded, goes in 144h0m0s", "B current"},
		},
		{
			"what a person went back to is kept, however old",
			state([]scaleway.APIKey{key("A", 60*day, ours), key("B", 29*day, ours)},
				version(2, "B", 29*day, disabled(day), marked(rotate.VersionMark{Bad: true})), version(1, "A", 60*day, marked(rotate.VersionMark{Pinned: true}))), policy(),
			[]string{"A current", "B superseded, goes in 144h0m0s"},
		},
		{
			"until it is forced",
			state([]scaleway.APIKey{key("A", 60*day, ours), key("B", 29*day, ours)},
				version(2, "B", 29*day, disabled(day)), version(1, "A", 60*day, marked(rotate.VersionMark{Pinned: true}))),
			policy(func(p *rotate.Policy) { p.Force = true }),
			[]string{"rotate: forced", "A current", "B superseded, goes in 144h0m0s"},
		},
		{
			"or it is gone",
			state([]scaleway.APIKey{key("B", 29*day, ours)},
				version(2, "B", 29*day, disabled(day)), version(1, "A", 60*day, marked(rotate.VersionMark{Pinned: true}))), policy(),
			[]string{"rotate: the published key " + access("A") + " is gone", "B superseded, goes in 144h0m0s"},
		},
		{
			"a mark means nothing under a newer version",
			state([]scaleway.APIKey{key("A", 60*day, ours), key("B", 31*day, ours)},
				version(2, "B", 31*day), version(1, "A", 60*day, marked(rotate.VersionMark{Pinned: true}))), policy(),
			[]string{"rotate: its age of 31d has reached 30d", "A superseded, goes now", "B current"},
		},
		{
			"the key that the function runs on never goes",
			state([]scaleway.APIKey{key("A", 60*day), key("B", 20*day, ours)}, version(2, "B", 20*day), version(1, "A", 60*day)),
			policy(func(p *rotate.Policy) { p.RunsOn = access("A") }),
			[]string{"A superseded", "B current"},
		},
		{
			"not even if it looks like an orphan, or is to be revoked",
			state([]scaleway.APIKey{key("A", 2*day, ours), key("B", 20*day, ours)}, version(2, "B", 20*day), version(1, "B", 60*day)),
			policy(func(p *rotate.Policy) { p.RunsOn, p.Revoke = access("A"), []string{access("A")} }),
			[]string{"A superseded", "B current"},
		},
		{
			"a current key that is to be revoked is replaced first",
			state([]scaleway.APIKey{key("A", day, ours)}, version(1, "A", day)),
			policy(func(p *rotate.Policy) { p.Revoke = []string{access("A")} }),
			[]string{"rotate: the published key is to be revoked", "A current, revoked"},
		},
		{
			"a superseded one goes without its grace",
			state([]scaleway.APIKey{key("A", 32*day, ours), key("B", day, ours)}, version(2, "B", day), version(1, "A", 32*day)),
			policy(func(p *rotate.Policy) { p.Revoke = []string{access("A")} }),
			[]string{"A superseded, goes in 144h0m0s, revoked", "B current"},
		},
		{
			"20 versions that hold live keys leave no room",
			state([]scaleway.APIKey{key("A", 31*day, ours)}, twenty("A")...), policy(),
			[]string{"blocked: /rotator/app holds 20 versions, the most there can be; delete versions that nobody reads", "A current"},
		},
		{
			"20 versions of which one is stale leave room",
			state([]scaleway.APIKey{key("A", 31*day, ours)}, append(twenty("A")[:19], version(1, "B", 70*day))...), policy(),
			[]string{"rotate: its age of 31d has reached 30d", "A current", "version 1 is stale"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := say(rotate.Make(tt.state, tt.policy, now))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// twenty are versions that all hold one key, newest first.
func twenty(letter string) []scaleway.Version {
	var out []scaleway.Version
	for i := range 20 {
		out = append(out, version(uint32(20-i), letter, 40*day+time.Duration(i)*day))
	}
	return out
}

func TestCappedPolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		most     time.Duration
		lifetime time.Duration
		rotate   time.Duration
		clamped  bool
	}{
		{"no cap", 0, 90 * day, 30 * day, false},
		{"a cap equal to the lifetime", 90 * day, 90 * day, 30 * day, false},
		{"a cap that the interval fits", 60 * day, 60*day - time.Minute, 30 * day, true},
		{"a cap that the interval does not fit", 30 * day, 30*day - time.Minute, 20*day - 40*time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, clamped := policy().Capped(tt.most)
			if got.Lifetime != tt.lifetime || got.RotateAfter != tt.rotate || clamped != tt.clamped {
				t.Errorf("got lifetime %s, rotate after %s, clamped %t", got.Lifetime, got.RotateAfter, clamped)
			}
		})
	}
}

// What a plan decides must not depend on anything but its input: made twice,
// it is the same.
func TestPlanIsPure(t *testing.T) {
	t.Parallel()
	s := state([]scaleway.APIKey{key("A", 60*day, ours), key("B", 8*day, ours)}, version(2, "B", 8*day), version(1, "A", 60*day))
	first, second := say(rotate.Make(s, policy(), now)), say(rotate.Make(s, policy(), now))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("two plans of one state differ:\n%s", diff)
	}
}
