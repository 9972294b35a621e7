package scaleway

// DecodePayload reads what a version holds.
func DecodePayload(data []byte) (KeyPair, error) { return decodePayload(data) }
