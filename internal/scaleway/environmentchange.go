package scaleway

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	container "github.com/scaleway/scaleway-sdk-go/api/container/v1"
	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway/transport"
)

// ChangeEnvironment gives variables that exist new values, and leaves every
// other as it was; it redeploys what has the environment. The environment is
// read anew first, since a person may have changed it: a variable that is no
// more, or not what e says that it is, is ErrRefused, and nothing is sent. ErrUnknown comes where no answer
// came, and where the answer (returned then) shows that another variable was
// lost or changed, or one of these not.
//
// What is sent is made from what was read, so it is never sent again as it is:
// that would undo what a person has set since. Where nothing was changed for now
// it is read and made anew: after a 429 a few times; where it is in a transient
// state (409), or no connection was made, for as long as it has to deploy. After
// any other lost answer that is left to the caller, who can read back.
//
// GET, then PATCH /functions/v1beta1/… or /containers/v1/…,
// …/namespaces/{id}, …/functions/{id} or …/containers/{id}.
func (c *Client) ChangeEnvironment(ctx context.Context, e Environment, plain map[string]string, secrets map[string]redact.Secret) (Environment, error) {
	start := c.options.Clock.Now()
	for attempt := 1; ; attempt++ {
		got, moment, err := c.changeEnvironment(ctx, e, plain, secrets)
		switch within := c.options.Clock.Now().Sub(start) < c.options.DeployBound; {
		case moment == crowded && attempt < transport.Attempts:
		case moment == unsettled && within:
		default:
			return got, err
		}
		if c.options.Clock.Sleep(ctx, transport.Backoff(attempt-1, nil)) != nil {
			return got, err
		}
	}
}

// moment tells at what moment a change was tried.
type moment int

const (
	final     moment = iota
	crowded          // too many requests
	unsettled        // nothing was changed, and may be soon
)

// changeEnvironment tries once.
func (c *Client) changeEnvironment(ctx context.Context, e Environment, plain map[string]string, secrets map[string]redact.Secret) (Environment, moment, error) {
	act := "change the environment of " + e.String()
	before, err := c.ReadEnvironment(ctx, e)
	if err != nil {
		return Environment{}, final, err
	}
	change := envChange{known: e, before: before, plain: plain, secrets: secrets}
	if why := change.impossible(); why != "" {
		return Environment{}, final, refusal(act, e, why+": nothing was sent")
	}
	got, err := c.environment(act, e, c.patchEnvironment(ctx, change))
	if err != nil {
		return Environment{}, momentOf(err), change.mute(err)
	}
	return got, final, failure(act, e.needs(), change.check(got))
}

// envChange is one change of what an environment was read to be.
type envChange struct {
	known   Environment // on which it was decided
	before  Environment // as it is
	plain   map[string]string
	secrets map[string]redact.Secret
}

// impossible says why a change cannot be made, or "".
func (c envChange) impossible() string {
	if len(c.plain)+len(c.secrets) == 0 {
		return "it names no variable"
	}
	var gone, changed, empty []string
	see := func(name string, before, known map[string]string) {
		switch is, there := before[name]; {
		case !there:
			gone = append(gone, name)
		case is != known[name]:
			changed = append(changed, name)
		}
	}
	for name := range c.plain {
		see(name, c.before.Plain, c.known.Plain)
	}
	for name, secret := range c.secrets {
		see(name, c.before.Hashes, c.known.Hashes)
		if secret.Empty() { // containers would keep the old value
			empty = append(empty, name)
		}
	}
	switch {
	case len(gone) > 0:
		return "the environment has no more a variable " + listed(gone)
	case len(changed) > 0:
		return "somebody has set " + listed(changed) + " meanwhile"
	case len(empty) > 0:
		return "there is no value for " + listed(empty)
	}
	return ""
}

// allPlain are all plain variables, since the API replaces them as a whole;
// nil, which is not sent, where none changes.
func (c envChange) allPlain() *map[string]string {
	if len(c.plain) == 0 {
		return nil
	}
	all := maps.Clone(c.before.Plain)
	maps.Copy(all, c.plain)
	return &all
}

// merged are the secret variables for functions and their namespaces: the API
// keeps those that are not named. The SDK sends nil as null, which changes
// nothing (docs/scaleway.md, Secret variables).
func (c envChange) merged() []*function.Secret {
	var out []*function.Secret
	for _, name := range slices.Sorted(maps.Keys(c.secrets)) {
		out = append(out, &function.Secret{Key: name, Value: new(c.secrets[name].Reveal())})
	}
	return out
}

// whole are the secret variables for containers and their namespaces: the API
// drops those that are not named, and "" keeps a value (docs/scaleway.md, Secret
// variables).
func (c envChange) whole() *map[string]string {
	if len(c.secrets) == 0 {
		return nil
	}
	out := make(map[string]string, len(c.before.Hashes))
	for name := range c.before.Hashes {
		out[name] = ""
	}
	for name, secret := range c.secrets {
		out[name] = secret.Reveal()
	}
	return &out
}

func (c *Client) patchEnvironment(ctx context.Context, change envChange) (got answeredEnvironment) {
	e := change.before
	region, with := scw.Region(e.Region), scw.WithContext(transport.Once(ctx))
	switch {
	case e.Product == Functions && e.OfNamespace():
		got.functionNamespace(c.functions.UpdateNamespace(&function.UpdateNamespaceRequest{
			Region: region, NamespaceID: e.ID, EnvironmentVariables: change.allPlain(), SecretEnvironmentVariables: change.merged(),
		}, with))
	case e.Product == Functions:
		got.function(c.functions.UpdateFunction(&function.UpdateFunctionRequest{
			Region: region, FunctionID: e.ID, EnvironmentVariables: change.allPlain(), SecretEnvironmentVariables: change.merged(),
		}, with))
	case e.OfNamespace():
		got.containerNamespace(c.containers.UpdateNamespace(&container.UpdateNamespaceRequest{
			Region: region, NamespaceID: e.ID, EnvironmentVariables: change.allPlain(), SecretEnvironmentVariables: change.whole(),
		}, with))
	default:
		got.container(c.containers.UpdateContainer(&container.UpdateContainerRequest{
			Region: region, ContainerID: e.ID, EnvironmentVariables: change.allPlain(), SecretEnvironmentVariables: change.whole(),
		}, with))
	}
	return got
}

// check compares the answer with what was to become of each variable. A value
// that is set anew has a new salt, so another hash, even if it is the same.
func (c envChange) check(got Environment) error {
	var altered, kept []string
	for name, was := range c.before.Plain {
		is, there := got.Plain[name]
		want, changes := c.plain[name]
		switch {
		case changes && (!there || is != want):
			kept = append(kept, name)
		case !changes && (!there || is != was):
			altered = append(altered, name)
		}
	}
	for name, was := range c.before.Hashes {
		is, there := got.Hashes[name]
		_, changes := c.secrets[name]
		switch {
		case changes && (!there || is == was):
			kept = append(kept, name)
		case !changes && (!there || is != was):
			altered = append(altered, name)
		}
	}
	var wrong []string
	if len(altered) > 0 {
		wrong = append(wrong, "lost or changed with it: "+listed(altered))
	}
	if len(kept) > 0 {
		wrong = append(wrong, "not set: "+listed(kept))
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New("by the answer, " + strings.Join(wrong, "; "))
}

func listed(names []string) string {
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// quotable is the shortest plain value that is taken out of the API's words:
// shorter ones say little, and stand in any text.
const quotable = 8

// mute takes the values that were sent out of an error, should the API quote
// them.
func (c envChange) mute(err error) error {
	var typed *Error
	if !errors.As(err, &typed) {
		return err
	}
	text := typed.Cause.Error()
	said := text
	for _, secret := range c.secrets {
		said = strings.ReplaceAll(said, secret.Reveal(), redact.Placeholder)
	}
	if all := c.allPlain(); all != nil {
		for _, v := range *all {
			if len(v) >= quotable {
				said = strings.ReplaceAll(said, v, redact.Placeholder)
			}
		}
	}
	if said == text {
		return err
	}
	return &Error{Act: typed.Act, Asked: typed.Asked, Needs: typed.Needs, Class: typed.Class, Cause: errors.New(said)}
}

func momentOf(err error) moment {
	answer, ok := errors.AsType[*scw.ResponseError](err)
	_, changing := errors.AsType[*scw.TransientStateError](err)
	_, unmade := errors.AsType[*transport.UnmadeError](err)
	switch {
	case ok && answer.StatusCode == http.StatusTooManyRequests:
		return crowded
	case changing || unmade:
		return unsettled
	}
	return final
}
