package emulator

import "slices"

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
	Timeout        *seconds           `json:"timeout"`
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
		if !unset(value) && !slices.Contains(enums[name], value) {
			return errInvalid(name, "constraint", "unknown value "+value)
		}
	}
	return nil
}

func (in *containerWriteV1) apply(c *call, w *workload) {
	s := w.container
	set(&w.env, in.Env)
	set(&w.minScale, in.MinScale)
	set(&w.maxScale, in.MaxScale)
	set(&w.timeout, in.Timeout)
	set(&w.description, in.Description)
	set(&w.tags, in.Tags)
	set(&s.memory, in.Memory)
	set(&s.disk, in.Disk)
	set(&s.cpu, in.CPU)
	set(&s.port, in.Port)
	set(&s.command, in.Command)
	set(&s.args, in.Args)
	set(&s.private, in.Private)
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
		w.secrets = w.secrets.replace(*in.Secrets, c.mint)
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
	s.protocol = chosen(in.Protocol, s.protocol)
	w.privacy = chosen(in.Privacy, w.privacy)
	w.sandbox = chosen(in.Sandbox, w.sandbox)
	w.env, w.tags, s.command, s.args = plain(w.env), orEmpty(w.tags), orEmpty(s.command), orEmpty(s.args)
}
