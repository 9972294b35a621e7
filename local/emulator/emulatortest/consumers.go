package emulatortest

import (
	"net/http"
	"strings"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Variable returns what the code of a function or container sees as that
// variable: in the revision that serves, not in what the API shows. ok tells
// whether anything serves, and has it. Names are as for Endpoint.
func (env *Env) Variable(consumer, name string) (value string, ok bool) {
	env.t.Helper()
	for _, line := range env.Running(env.mustEndpoint(consumer).ID) {
		if value, ok = strings.CutPrefix(line, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// CallAs makes the request that a consumer's code makes: to an endpoint,
// through the gateway, with the variable of that name as X-Auth-Token. It
// returns the status of the answer; 0 if the consumer does not run, or has no
// such variable. Names are as for Endpoint.
func (env *Env) CallAs(consumer, variable, endpoint string) (status int) {
	env.t.Helper()
	key, ok := env.Variable(consumer, variable)
	if !ok {
		return 0
	}
	r, err := http.NewRequestWithContext(env.t.Context(), http.MethodGet, "https://"+env.mustEndpoint(endpoint).Host+"/", nil)
	if err != nil {
		env.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", key)
	res, err := env.HTTP.Do(r)
	if err != nil {
		env.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func (env *Env) mustEndpoint(name string) emulator.Endpoint {
	env.t.Helper()
	end, known := env.Endpoint(name)
	if !known {
		env.t.Fatalf("there is no function or container %s", name)
	}
	return end
}
