package emulator

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// conditions evaluates the condition of rules, an expression in CEL over
// resource.id, resource.name, request.user_agent and request.time. Each is
// there only if it is known: has(resource.name) tells.
//
// A condition that does not compile, does not evaluate, or is not a boolean
// grants nothing (A10).
type conditions struct {
	env      *cel.Env
	programs map[string]cel.Program // nil for what does not compile
}

func (cs *conditions) hold(condition string, q question) bool {
	if condition == "" {
		return true
	}
	program := cs.program(condition)
	if program == nil {
		return false
	}
	resource := map[string]any{}
	if q.id != "" {
		resource["id"] = q.id
	}
	if q.name != "" {
		resource["name"] = q.name
	}
	request := map[string]any{"time": q.now}
	if q.fromAPI {
		request["user_agent"] = q.userAgent
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
		env, err := cel.NewEnv(cel.Variable("resource", fields), cel.Variable("request", fields))
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
