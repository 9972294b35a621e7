package deploy

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strings"

	"github.com/scw-key-rotator/rotator/handler"
)

// Call is one of the deployed function.
type Call struct {
	Address string // "": the deployed function's; http only to this machine
	Body    string // JSON; "": a GET, which is a dry run
	JSON    bool   // so is the answer; else text
}

// invoke calls the function with curl, whose configuration, token included, comes on its standard input: arguments can
// be seen by everybody on the machine.
func (p Deployer) invoke(ctx context.Context, env environment, c Call) error {
	control := env[controlSecret]
	env, err := env.missing(deployerKey, deployerProject)
	if err != nil {
		return err
	}
	s, err := p.service(env)
	if err != nil {
		return err
	}
	address := c.Address
	if address == "" {
		r, err := newRemote(ctx, s, env, p.Poll)
		if err != nil {
			return err
		}
		f, err := r.look(ctx, s)
		if err != nil {
			return err
		}
		if f.function == nil {
			return fmt.Errorf("function %s/%s is not there; run make deploy", s.Name, s.Function.Name)
		}
		address = "https://" + f.function.DomainName
	}
	if err := checkDeployer(s, env); err != nil {
		return err
	}
	u, err := url.Parse(address)
	if err != nil || InClear(address) {
		return fmt.Errorf("%q: want https: the key would travel in clear", address)
	}
	if !c.JSON && u.RawQuery == "" {
		u.RawQuery = "format=text"
	}
	address = u.String()
	lines := []string{
		"url = " + quote(address),
		"header = " + quote("X-Auth-Token: "+env[deployerKey]),
		"silent", "show-error", "fail-with-body",
		"max-time = 1000",
	}
	if control != "" { // without it, the answer is short
		lines = append(lines, "header = "+quote(handler.ControlHeader+": "+control))
	}
	if c.Body != "" {
		lines = append(lines, "data = "+quote(c.Body), `header = "Content-Type: application/json"`)
	}
	// First of all arguments, -q keeps the user's own configuration out: it could follow redirects, with the key.
	curl := exec.CommandContext(ctx, "curl", "-q", "--config", "-")
	curl.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	curl.Stdout, curl.Stderr, curl.Env = p.Stdout, p.Stderr, env.harmless().list()
	defer p.During("the function is at work")()
	if err := curl.Run(); err != nil {
		return fmt.Errorf("curl %s: %w", address, err)
	}
	return nil
}

// quote writes a value as curl's configuration files have them.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(value) + `"`
}
