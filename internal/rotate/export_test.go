package rotate

// These are for the fuzz tests.
var (
	MarkKey    = markKey
	KeyProject = keyProject
)
