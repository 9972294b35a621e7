package emulatortest

import (
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Large is a project demo of so many private functions, and as many containers,
// in three regions, 20 to a namespace, with two legacy tokens each; of five
// applications that call them, and one of the rotator. 1,000 of each is the most
// that the platform holds.
func Large(n int) emulator.Seed {
	day := emulator.SeedAge(24 * time.Hour)
	seed := emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "default"}, {Name: "demo"}},
		Applications: []emulator.SeedApplication{{
			Name: "rotator", Keys: []emulator.SeedKey{{Age: 20 * day, Project: "demo"}},
			Policies: []emulator.SeedPolicy{{Name: "rotator", Rules: emulator.RotatorRules("demo")}},
		}},
	}
	for i := range 5 {
		name := fmt.Sprintf("caller-%02d", i)
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: name, Keys: []emulator.SeedKey{{Age: 40 * day, Project: "demo"}},
			Policies: []emulator.SeedPolicy{{Name: name, Rules: emulator.CallerRules("demo")}},
		})
	}
	two := []emulator.SeedToken{{}, {}}
	for r, region := range []string{"fr-par", "nl-ams", "pl-waw"} {
		place := emulator.SeedPlace{Project: "demo", Region: region}
		for i := r; i < n; i += 3 {
			last := len(place.FunctionNamespaces) - 1
			if last < 0 || len(place.FunctionNamespaces[last].Functions) == 20 {
				name := fmt.Sprintf("%s-%03d", region, i)
				place.FunctionNamespaces = append(place.FunctionNamespaces, emulator.SeedFunctionNamespace{Name: name})
				place.ContainerNamespaces = append(place.ContainerNamespaces, emulator.SeedContainerNamespace{Name: name})
				last++
			}
			functions, containers := &place.FunctionNamespaces[last], &place.ContainerNamespaces[last]
			functions.Functions = append(functions.Functions, emulator.SeedFunction{Name: fmt.Sprintf("f-%04d", i), Tokens: two})
			containers.Containers = append(containers.Containers, emulator.SeedContainer{Name: fmt.Sprintf("c-%04d", i), Tokens: two})
		}
		seed.Serverless = append(seed.Serverless, place)
	}
	return seed
}
