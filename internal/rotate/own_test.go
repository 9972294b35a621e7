package rotate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// ownOf is the state of the function's own application that runs on a key and has
// it in its variables, at rest.
func ownOf(runsOn string, keys ...scaleway.APIKey) rotate.OwnState {
	return rotate.OwnState{RunsOn: access(runsOn), Keys: keys, InVariables: []string{access(runsOn)}, Settled: true}
}

func with(s rotate.OwnState, change func(*rotate.OwnState)) rotate.OwnState {
	change(&s)
	return s
}

// sayOwn writes a plan down in words.
func sayOwn(p rotate.OwnPlan) []string {
	if p.LeftOff != "" {
		return []string{"left alone"}
	}
	var out []string
	if p.Renew {
		out = append(out, "renew")
	}
	for _, k := range p.Others {
		word := "stays"
		switch {
		case k.Theirs:
			word = "is theirs"
		case k.Give:
			word = "goes"
		}
		out = append(out, k.Key.AccessKey[3:4]+" "+word)
	}
	if p.Moved {
		out = append(out, fmt.Sprintf("clear, all of it: %t", p.NoLonger))
	}
	return out
}

// replacingA makes a key the rotator's, in the place of A.
func replacingA(k *scaleway.APIKey) {
	k.Description = "(replaces " + access("A") + ") [rotator " + project + "]"
}

func TestWhatBecomesOfTheOwnKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		state  rotate.OwnState
		policy rotate.Policy
		want   []string
	}{
		{"a young key is left", ownOf("A", key("A", 5*day)), policy(), nil},
		{"one that is due is renewed", ownOf("A", key("A", 31*day)), policy(), []string{"renew"}},
		{"or forced", ownOf("A", key("A", day)), policy(func(p *rotate.Policy) { p.Force = true }), []string{"renew"}},
		{"or stands in Secret Manager", with(ownOf("A", key("A", day)), func(s *rotate.OwnState) { s.Named = []string{access("A")} }), policy(), []string{"renew"}},
		{"not while the function has the next one already", with(ownOf("A", key("A", 31*day), key("B", day, ours)), func(s *rotate.OwnState) {
			s.InVariables, s.Settled = []string{access("B")}, false
		}), policy(), []string{"B stays"}},
		{"nor while another run may be at it", ownOf("A", key("A", 31*day), key("B", 10*time.Minute, ours)), policy(), []string{"B stays"}},
		{"nor while a function has an older one", with(ownOf("B", key("A", 62*day), key("B", 31*day, replacingA)), func(s *rotate.OwnState) {
			s.InVariables, s.Settled = []string{access("A")}, false
		}), policy(), []string{"A stays"}},
		{"a key that no function has goes a grace later", ownOf("A", key("A", 31*day), key("B", 8*day, ours)), policy(), []string{"renew", "B goes"}},
		{
			"but not while something may come back to it", with(ownOf("A", key("A", 31*day), key("B", 8*day, ours)), func(s *rotate.OwnState) { s.Settled = false }),
			policy(),
			[]string{"renew", "B stays"},
		},
		{
			"nor so soon after a deployment", with(ownOf("A", key("A", 31*day), key("B", 8*day, ours)), func(s *rotate.OwnState) { s.Since = now.Add(-6 * day) }),
			policy(),
			[]string{"renew", "B stays"},
		},
		{"the key before has its grace", ownOf("B", key("A", 36*day), key("B", 6*day, replacingA)), policy(), []string{"A stays"}},
		{"and goes after it", ownOf("B", key("A", 38*day), key("B", 8*day, replacingA)), policy(), []string{"A goes"}},
		{"unless a function has it", with(ownOf("B", key("A", 38*day), key("B", 8*day, replacingA)), func(s *rotate.OwnState) {
			s.InVariables = append(s.InVariables, access("A"))
		}), policy(), []string{"A stays"}},
		{
			"or a failed deployment may come back to it", with(ownOf("B", key("A", 38*day), key("B", 8*day, replacingA)), func(s *rotate.OwnState) { s.Settled = false }),
			policy(),
			[]string{"A stays"},
		},
		{"a person's key is never touched", ownOf("B", key("A", 400*day), key("B", 8*day, ours)), policy(), []string{"A is theirs"}},
		{
			"one that was published is the rotator's", with(ownOf("B", key("A", 400*day), key("B", 8*day, ours)), func(s *rotate.OwnState) { s.Named = []string{access("A")} }),
			policy(),
			[]string{"A goes", "clear, all of it: false"},
		},
		{
			"and the secret goes with the last of its keys", with(ownOf("B", key("B", 8*day, ours)), func(s *rotate.OwnState) { s.Named = []string{access("A")} }),
			policy(),
			[]string{"clear, all of it: true"},
		},
		{
			"a key that is revoked goes without its grace", ownOf("B", key("A", 31*day), key("B", day, replacingA)),
			policy(func(p *rotate.Policy) { p.Revoke = []string{access("A")} }),
			[]string{"A goes"},
		},
		{"another project's rotator was there", ownOf("A", key("A", 31*day), key("C", day, func(k *scaleway.APIKey) {
			k.Description = "[rotator 9a6c1e2d-7f43-4b19-9c58-3d2e8b90f1ff]"
		})), policy(), []string{"left alone"}},
		{"the key is not the application's", ownOf("Z", key("A", 31*day)), policy(), []string{"left alone"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, sayOwn(rotate.MakeOwn(tt.state, tt.policy, now))); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAKeySaysWhichOneItReplaces(t *testing.T) {
	t.Parallel()
	for description, want := range map[string]string{
		"": "", "by hand": "", "(replaces " + access("A") + ") [rotator " + project + "]": access("A"), "(replaces me)": "",
		strings.Repeat("x", 100) + " (replaces " + access("B") + ")": access("B"),
	} {
		if got := rotate.Replaces(scaleway.APIKey{Description: description}); got != want {
			t.Errorf("%q replaces %q, want %q", description, got, want)
		}
	}
}
