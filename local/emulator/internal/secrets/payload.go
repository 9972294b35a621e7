package secrets

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// checkPayload holds a version's data against its secret's type. Only
// key_value is checked: nothing was recorded of the others.
func (s *Secret) checkPayload(data []byte) error {
	if s.Type != "key_value" {
		return nil
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return wire.Invalid("data", "format", "invalid JSON")
	}
	pairs, ok := value.(map[string]any)
	if !ok {
		return wire.Invalid("data", "format", wrongType("(root)", "object", value))
	}
	var help strings.Builder
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		if _, ok := pairs[key].(string); !ok {
			help.WriteString(wrongType(key, "string", pairs[key]))
		}
	}
	if help.Len() > 0 {
		return wire.Invalid("data", "format", help.String())
	}
	return nil
}

// wrongType is worded as the recording is.
func wrongType(where, want string, value any) string {
	return fmt.Sprintf("- %s: Invalid type. Expected: %s, given: %s\n", where, want, jsonType(value))
}

func jsonType(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	default:
		return "object"
	}
}
