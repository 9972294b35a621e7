package scaleway

import (
	"context"
	"errors"
	"time"

	container "github.com/scaleway/scaleway-sdk-go/api/container/v1"
	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// EnvState tells whether what has an environment is at rest.
type EnvState string

// The states. A status that is not known here, or that only Scaleway ends
// (locked), is changing: whoever waits, waits within a bound.
const (
	EnvReady    EnvState = "ready"
	EnvIdle     EnvState = "idle" // a function that was never deployed
	EnvChanging EnvState = "changing"
	EnvFailed   EnvState = "failed"
)

// Environment is the variables that a namespace, function or container gives
// to code.
type Environment struct {
	Product     Product
	Region      string
	ID, Name    string            // of the namespace, function or container
	NamespaceID string            // the namespace that it is in; its own ID: it is the namespace's
	Plain       map[string]string // as the API shows them
	Hashes      map[string]string // by name of secret variable: argon2id, package envhash
	Status      string            // as the API says
	State       EnvState
	Problem     string    // its error_message
	UpdatedAt   time.Time // also moves when it comes to rest (not recorded for container namespaces)
	// ReadyAt is when a function was ready first; zero where the API does not
	// say. The SDK calls it the last date, and a redeploy that succeeded was
	// recorded to leave it as it was.
	ReadyAt time.Time
}

// OfNamespace tells whether it is a namespace's.
func (e Environment) OfNamespace() bool { return e.ID == e.NamespaceID }

// String names what has the environment: "function checkout-api", "container
// namespace backend".
func (e Environment) String() string {
	if e.OfNamespace() {
		return e.Product.One() + " namespace " + e.Name
	}
	return e.Product.One() + " " + e.Name
}

func (e Environment) needs() string { return Scope{Product: e.Product}.needs() }

func stateOf(status string) EnvState {
	switch status {
	case "ready":
		return EnvReady
	case "created":
		return EnvIdle
	case "error":
		return EnvFailed
	}
	return EnvChanging
}

func ofFunction(f *function.Function, region string) Environment {
	return Environment{
		Product: Functions, Region: region, ID: f.ID, Name: f.Name, NamespaceID: f.NamespaceID,
		Plain: f.EnvironmentVariables, Hashes: hashes(f.SecretEnvironmentVariables),
		Status: f.Status.String(), State: stateOf(f.Status.String()), Problem: value(f.ErrorMessage),
		UpdatedAt: value(f.UpdatedAt), ReadyAt: value(f.ReadyAt),
	}
}

func ofFunctionNamespace(n *function.Namespace, region string) Environment {
	return Environment{
		Product: Functions, Region: region, ID: n.ID, Name: n.Name, NamespaceID: n.ID,
		Plain: n.EnvironmentVariables, Hashes: hashes(n.SecretEnvironmentVariables),
		Status: n.Status.String(), State: stateOf(n.Status.String()), Problem: value(n.ErrorMessage),
		UpdatedAt: value(n.UpdatedAt),
	}
}

func hashes(list []*function.SecretHashedValue) map[string]string {
	out := make(map[string]string, len(list))
	for _, s := range list {
		if s != nil {
			out[s.Key] = s.HashedValue
		}
	}
	return out
}

func ofContainer(k *container.Container, region string) Environment {
	return Environment{
		Product: Containers, Region: region, ID: k.ID, Name: k.Name, NamespaceID: k.NamespaceID,
		Plain: k.EnvironmentVariables, Hashes: k.SecretEnvironmentVariables,
		Status: k.Status.String(), State: stateOf(k.Status.String()), Problem: value(k.ErrorMessage),
		UpdatedAt: value(k.UpdatedAt),
	}
}

func ofContainerNamespace(n *container.Namespace, region string) Environment {
	return Environment{
		Product: Containers, Region: region, ID: n.ID, Name: n.Name, NamespaceID: n.ID,
		Plain: n.EnvironmentVariables, Hashes: n.SecretEnvironmentVariables,
		Status: n.Status.String(), State: stateOf(n.Status.String()), Problem: value(n.ErrorMessage),
		UpdatedAt: value(n.UpdatedAt),
	}
}

// ReadEnvironment reads an environment anew; of e, only which it is matters.
// One that is gone is ErrNotFound.
// GET /functions/v1beta1/… or /containers/v1/…, …/namespaces/{id},
// …/functions/{id} or …/containers/{id}.
func (c *Client) ReadEnvironment(ctx context.Context, e Environment) (Environment, error) {
	var (
		region, with = scw.Region(e.Region), scw.WithContext(ctx)
		got          answeredEnvironment
	)
	switch {
	case e.Product == Functions && e.OfNamespace():
		got.functionNamespace(c.functions.GetNamespace(&function.GetNamespaceRequest{Region: region, NamespaceID: e.ID}, with))
	case e.Product == Functions:
		got.function(c.functions.GetFunction(&function.GetFunctionRequest{Region: region, FunctionID: e.ID}, with))
	case e.OfNamespace():
		got.containerNamespace(c.containers.GetNamespace(&container.GetNamespaceRequest{Region: region, NamespaceID: e.ID}, with))
	default:
		got.container(c.containers.GetContainer(&container.GetContainerRequest{Region: region, ContainerID: e.ID}, with))
	}
	return c.environment("read the environment of "+e.String(), e, got)
}

// Redeploy deploys a function or container again, with the environment that it
// has. A namespace is not deployed: ErrRefused.
// POST /functions/v1beta1/…/functions/{id}/deploy or
// /containers/v1/…/containers/{id}/redeploy.
func (c *Client) Redeploy(ctx context.Context, e Environment) (Environment, error) {
	act := "redeploy " + e.String()
	if e.OfNamespace() {
		return Environment{}, refusal(act, e, "a namespace is not deployed")
	}
	var got answeredEnvironment
	if e.Product == Functions {
		got.function(c.functions.DeployFunction(&function.DeployFunctionRequest{
			Region: scw.Region(e.Region), FunctionID: e.ID,
		}, scw.WithContext(ctx)))
	} else {
		got.container(c.containers.RedeployContainer(&container.RedeployContainerRequest{
			Region: scw.Region(e.Region), ContainerID: e.ID,
		}, scw.WithContext(ctx)))
	}
	return c.environment(act, e, got)
}

// answeredEnvironment is what came back of one of the four kinds.
type answeredEnvironment struct {
	Environment
	project string // of a namespace
	err     error
}

func (a *answeredEnvironment) function(f *function.Function, err error) {
	if a.err = err; err == nil {
		a.Environment = ofFunction(f, "")
	}
}

func (a *answeredEnvironment) functionNamespace(n *function.Namespace, err error) {
	if a.err = err; err == nil {
		a.Environment, a.project = ofFunctionNamespace(n, ""), n.ProjectID
	}
}

func (a *answeredEnvironment) container(k *container.Container, err error) {
	if a.err = err; err == nil {
		a.Environment = ofContainer(k, "")
	}
}

func (a *answeredEnvironment) containerNamespace(n *container.Namespace, err error) {
	if a.err = err; err == nil {
		a.Environment, a.project = ofContainerNamespace(n, ""), n.ProjectID
	}
}

// environment is the answer to a call about e, once it is seen to be of e: a
// namespace's names its project, all else the namespace that it is in.
func (c *Client) environment(act string, e Environment, got answeredEnvironment) (Environment, error) {
	if got.err == nil && (got.ID != e.ID || got.NamespaceID != e.NamespaceID || (e.OfNamespace() && got.project != c.project)) {
		got.err = errors.New("the answer is not about " + e.String() + " of this project")
	}
	if got.err != nil {
		return Environment{}, failure(act, e.needs(), got.err)
	}
	got.Region = e.Region
	return got.Environment, nil
}

// refusal is an error of our own before anything was sent.
func refusal(act string, e Environment, why string) error {
	return &Error{Act: act, Needs: e.needs(), Class: ErrRefused, Cause: errors.New(why)}
}
