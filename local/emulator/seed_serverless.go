package emulator

// SeedServerless is what one project holds in one region: namespaces of
// functions and of containers, in the state in which they have come to rest.
type SeedServerless struct {
	FunctionNamespaces  []SeedFunctionNamespace  `json:"function_namespaces,omitempty"`
	ContainerNamespaces []SeedContainerNamespace `json:"container_namespaces,omitempty"`
}

// SeedFunctionNamespace is a namespace of functions that is ready.
type SeedFunctionNamespace struct {
	Name      string            `json:"name"`
	Env       map[string]string `json:"env,omitempty"`
	SecretEnv map[string]string `json:"secret_env,omitempty"`
	Tags      []string          `json:"tags,omitempty"`
	Functions []SeedFunction    `json:"functions,omitempty"`
	Tokens    []SeedToken       `json:"tokens,omitempty"`
}

// SeedFunction is one function.
type SeedFunction struct {
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
	Answer       *SeedAnswer       `json:"answer,omitempty"` // of its handler; nil: 200 "ok"
	Tokens       []SeedToken       `json:"tokens,omitempty"`
	Crons        []SeedCron        `json:"crons,omitempty"`
}

// SeedContainerNamespace is a namespace of containers that is ready.
type SeedContainerNamespace struct {
	Name       string            `json:"name"`
	Env        map[string]string `json:"env,omitempty"`
	SecretEnv  map[string]string `json:"secret_env,omitempty"`
	Tags       []string          `json:"tags,omitempty"`
	Containers []SeedContainer   `json:"containers,omitempty"`
	Tokens     []SeedToken       `json:"tokens,omitempty"`
}

// SeedContainer is one container.
type SeedContainer struct {
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
	Answer                       *SeedAnswer       `json:"answer,omitempty"` // nil: 200 "ok"
	Tokens                       []SeedToken       `json:"tokens,omitempty"`
}

// SeedToken is a legacy token that is ready.
type SeedToken struct {
	Description string `json:"description,omitempty"`
	// ExpiresIn is a SeedAge such as 90d; a negative one has expired already.
	// "" means that the token never expires.
	ExpiresIn string `json:"expires_in,omitempty"`
}

// SeedCron is a cron trigger that is ready.
type SeedCron struct {
	Name     string         `json:"name,omitempty"`
	Schedule string         `json:"schedule"`
	Args     map[string]any `json:"args,omitempty"`
}

// SeedAnswer is what stands behind an endpoint answers.
type SeedAnswer struct {
	Status      int               `json:"status,omitempty"` // 0 means 200
	Body        string            `json:"body,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	EchoHeaders bool              `json:"echo_headers,omitempty"` // send the request's headers back in body and headers, as careless code does
	Delay       SeedAge           `json:"delay,omitempty"`        // on the emulator's clock
	Redirect    string            `json:"redirect,omitempty"`     // answer 302 to this URL
}
