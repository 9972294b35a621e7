package seeds

import "fmt"

// Serverless is what one project holds in one region: namespaces of
// functions and of containers, in the state in which they have come to rest.
type Serverless struct {
	FunctionNamespaces  []FunctionNamespace  `json:"function_namespaces,omitempty"`
	ContainerNamespaces []ContainerNamespace `json:"container_namespaces,omitempty"`
}

// FunctionNamespace is a namespace of functions that is ready.
type FunctionNamespace struct {
	Name      string            `json:"name"`
	Env       map[string]string `json:"env,omitempty"`
	SecretEnv map[string]string `json:"secret_env,omitempty"`
	Tags      []string          `json:"tags,omitempty"`
	Changed   Age               `json:"changed,omitempty"` // so long ago; 0: as long as the youngest key in its variables is there, 60 days at the most
	Functions []Function        `json:"functions,omitempty"`
	Tokens    []Token           `json:"tokens,omitempty"`
}

// Function is one function.
type Function struct {
	Name         string            `json:"name"`
	Privacy      string            `json:"privacy,omitempty"`          // private or public; "" means private
	Status       string            `json:"status,omitempty"`           // ready, error or created; "" means ready
	ErrorMessage string            `json:"error_message,omitempty"`    // with status error
	Fails        bool              `json:"deployments_fail,omitempty"` // all to come, see FailDeployments
	Runtime      string            `json:"runtime,omitempty"`          // "" means go126
	HTTPOption   string            `json:"http_option,omitempty"`      // enabled or redirected; "" means redirected
	Domains      []string          `json:"domains,omitempty"`          // custom domains, ready
	BadDomains   []string          `json:"domains_in_error,omitempty"` // custom domains that lead nowhere
	Env          map[string]string `json:"env,omitempty"`
	SecretEnv    map[string]string `json:"secret_env,omitempty"`
	Tags         []string          `json:"tags,omitempty"`
	Changed      Age               `json:"changed,omitempty"` // as a namespace's
	Answer       *Answer           `json:"answer,omitempty"`  // of its handler; nil: 200 "ok"
	Tokens       []Token           `json:"tokens,omitempty"`
	Crons        []Cron            `json:"crons,omitempty"`
}

// ContainerNamespace is a namespace of containers that is ready.
type ContainerNamespace struct {
	Name       string            `json:"name"`
	Env        map[string]string `json:"env,omitempty"`
	SecretEnv  map[string]string `json:"secret_env,omitempty"`
	Tags       []string          `json:"tags,omitempty"`
	Changed    Age               `json:"changed,omitempty"` // as a function namespace's
	Containers []Container       `json:"containers,omitempty"`
	Tokens     []Token           `json:"tokens,omitempty"`
}

// Container is one container.
type Container struct {
	Name                         string            `json:"name"`
	Privacy                      string            `json:"privacy,omitempty"`       // private or public; "" means private
	Status                       string            `json:"status,omitempty"`        // ready or error; "" means ready
	ErrorMessage                 string            `json:"error_message,omitempty"` // with status error
	Fails                        bool              `json:"deployments_fail,omitempty"`
	HealthPath                   string            `json:"health_path,omitempty"` // HTTP health check; it answers 200 there and 404 elsewhere
	DefaultPublicEndpointEnabled *bool             `json:"default_public_endpoint_enabled,omitempty"`
	HTTPSConnectionsOnly         *bool             `json:"https_connections_only,omitempty"` // nil means true
	Domains                      []string          `json:"domains,omitempty"`
	BadDomains                   []string          `json:"domains_in_error,omitempty"`
	Env                          map[string]string `json:"env,omitempty"`
	SecretEnv                    map[string]string `json:"secret_env,omitempty"`
	Tags                         []string          `json:"tags,omitempty"`
	Changed                      Age               `json:"changed,omitempty"` // as a namespace's
	Answer                       *Answer           `json:"answer,omitempty"`  // nil: 200 "ok"
	Tokens                       []Token           `json:"tokens,omitempty"`
}

// Token is a legacy token that is ready.
type Token struct {
	Description string `json:"description,omitempty"`
	// ExpiresIn is an Age such as 90d; a negative one has expired already.
	// "" means that the token never expires.
	ExpiresIn string `json:"expires_in,omitempty"`
}

// Cron is a cron trigger that is ready.
type Cron struct {
	Name     string         `json:"name,omitempty"`
	Schedule string         `json:"schedule"`
	Args     map[string]any `json:"args,omitempty"`
}

// Answer is what stands behind an endpoint answers.
type Answer struct {
	Status      int               `json:"status,omitempty"` // 0 means 200
	Body        string            `json:"body,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	EchoHeaders bool              `json:"echo_headers,omitempty"` // send the request's headers back in body and headers, as careless code does
	Delay       Age               `json:"delay,omitempty"`        // on the emulator's clock
	Redirect    string            `json:"redirect,omitempty"`     // answer 302 to this URL
}

// Check finds what no server could answer.
// Check finds what no server could answer.
func (a *Answer) Check() error {
	switch {
	case a == nil:
		return nil
	case a.Status != 0 && (a.Status < 200 || a.Status > 599):
		return fmt.Errorf("answer.status: want a number from 200 to 599, not %d", a.Status)
	case a.Delay < 0:
		return fmt.Errorf("answer.delay: want a duration such as 2s, not %s", a.Delay)
	}
	return nil
}
