package iam

import (
	"net/netip"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
)

// conditions evaluates the condition of rules, an expression in CEL over
// resource.id, resource.name, request.ip, request.user_agent and request.time,
// with CEL's own functions (A90) and inIpRange(ip, subnet). Each is there only if it is known:
// has(resource.name) tells.
//
// A condition that does not compile, does not evaluate, or is not a boolean
// grants nothing (A10).
type conditions struct {
	env      *cel.Env
	programs map[string]cel.Program // nil for what does not compile
}

func (cs *conditions) hold(condition string, q api.Question) bool {
	if condition == "" {
		return true
	}
	program := cs.program(condition)
	if program == nil {
		return false
	}
	resource := map[string]any{}
	if q.ID != "" {
		resource["id"] = q.ID
	}
	if q.Name != "" {
		resource["name"] = q.Name
	}
	request := map[string]any{"time": q.Now}
	if q.FromAPI {
		request["user_agent"] = q.UserAgent
		request["ip"] = q.IP
	}
	value, _, err := program.Eval(map[string]any{"resource": resource, "request": request})
	return err == nil && value == types.True
}

// program compiles a condition once: authorization runs on every call.
func (cs *conditions) program(condition string) cel.Program {
	if known, ok := cs.programs[condition]; ok {
		return known
	}
	if cs.programs == nil {
		cs.programs = map[string]cel.Program{}
	}
	cs.programs[condition] = cs.compile(condition)
	return cs.programs[condition]
}

func (cs *conditions) compile(condition string) cel.Program {
	if cs.env == nil {
		fields := cel.MapType(cel.StringType, cel.DynType)
		env, err := cel.NewEnv(cel.Variable("resource", fields), cel.Variable("request", fields), inIPRange())
		if err != nil {
			return nil
		}
		cs.env = env
	}
	ast, issues := cs.env.Compile(condition)
	if issues.Err() != nil {
		return nil
	}
	program, err := cs.env.Program(ast)
	if err != nil {
		return nil
	}
	return program
}

// inIPRange is IAM's own function beside those of CEL. What is no address or no
// subnet is an error, and so grants nothing (A86).
func inIPRange() cel.EnvOption {
	return cel.Function("inIpRange", cel.Overload("inIpRange_string_string", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
		cel.BinaryBinding(func(ip, subnet ref.Val) ref.Val {
			address, err := netip.ParseAddr(text(ip))
			if err != nil {
				return types.NewErr("inIpRange: %v", err)
			}
			prefix, err := netip.ParsePrefix(text(subnet))
			if err != nil {
				return types.NewErr("inIpRange: %v", err)
			}
			return types.Bool(prefix.Contains(address.Unmap()))
		})))
}

func text(v ref.Val) string {
	s, _ := v.Value().(string)
	return s
}
