package emulator

import (
	"slices"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// containerWriteV1 is the body of POST and PATCH. They spell HTTPS only in two
// ways; both mean the same member.
type containerWriteV1 struct {
	Name           string             `json:"name"`         // POST
	Namespace      string             `json:"namespace_id"` // POST
	Env            *map[string]string `json:"environment_variables"`
	Secrets        *map[string]string `json:"secret_environment_variables"`
	MinScale       *uint32            `json:"min_scale"`
	MaxScale       *uint32            `json:"max_scale"`
	Memory         *uint64            `json:"memory_limit_bytes"`
	CPU            *uint32            `json:"mvcpu_limit"`
	Timeout        *wire.Seconds      `json:"timeout"`
	Privacy        string             `json:"privacy"`
	Description    *string            `json:"description"`
	Image          *string            `json:"image"`
	Protocol       string             `json:"protocol"`
	Port           *uint32            `json:"port"`
	HTTPSOnly      *bool              `json:"https_connections_only"` // POST
	HTTPSOnlyPatch *bool              `json:"https_connection_only"`  // PATCH
	Sandbox        string             `json:"sandbox"`
	Disk           *uint64            `json:"local_storage_limit_bytes"`
	Scaling        *scaling           `json:"scaling_option"`
	Liveness       *probeWrite        `json:"liveness_probe"`
	Startup        *probeWrite        `json:"startup_probe"`
	Tags           *[]string          `json:"tags"`
	PrivateNetwork *string            `json:"private_network_id"`
	Command        *[]string          `json:"command"`
	Args           *[]string          `json:"args"`
	Private        *bool              `json:"enable_private_endpoint"`
	Public         *bool              `json:"enable_default_public_endpoint"`
}

// check refuses values that no enum of the API has.
func (in *containerWriteV1) check() error {
	given := map[string]string{"privacy": in.Privacy, "protocol": in.Protocol, "sandbox": in.Sandbox}
	for name, value := range given {
		if !wire.Unset(value) && !slices.Contains(enums[name], value) {
			return wire.Invalid(name, "constraint", "unknown value "+value)
		}
	}
	return nil
}

func (in *containerWriteV1) apply(c *call, w *workload) {
	s := w.container
	wire.Set(&w.env, in.Env)
	wire.Set(&w.minScale, in.MinScale)
	wire.Set(&w.maxScale, in.MaxScale)
	wire.Set(&w.timeout, in.Timeout)
	wire.Set(&w.description, in.Description)
	wire.Set(&w.tags, in.Tags)
	wire.Set(&s.memory, in.Memory)
	wire.Set(&s.disk, in.Disk)
	wire.Set(&s.cpu, in.CPU)
	wire.Set(&s.port, in.Port)
	wire.Set(&s.command, in.Command)
	wire.Set(&s.args, in.Args)
	wire.Set(&s.private, in.Private)
	if in.Image != nil && *in.Image != "" {
		s.image, s.pushed = *in.Image, true
	}
	if in.Public != nil {
		s.publicOff, s.publicSet = !*in.Public, true
	}
	if in.PrivateNetwork != nil {
		w.privateNetwork = in.PrivateNetwork
	}
	if in.Secrets != nil {
		w.secrets = w.secrets.replace(*in.Secrets, c.Mint)
	}
	if in.Startup != nil {
		startup := defaultProbe()
		if s.startup != nil {
			startup = *s.startup
		}
		startup = in.Startup.over(startup)
		s.startup = &startup
	}
	s.scale(in.Scaling)
	s.liveness = in.Liveness.over(s.liveness)
	s.protocol = wire.Chosen(in.Protocol, s.protocol)
	w.privacy = wire.Chosen(in.Privacy, w.privacy)
	w.sandbox = wire.Chosen(in.Sandbox, w.sandbox)
	w.env, w.tags, s.command, s.args = wire.OrEmptyMap(w.env), wire.OrEmpty(w.tags), wire.OrEmpty(s.command), wire.OrEmpty(s.args)
}
