package credential

// Place is a kind of surroundings that have credentials.
type Place int

// The places.
const (
	// Environment has keys in its variables.
	Environment Place = iota + 1
	// Token is that of a Pod's ServiceAccount, which an OIDC provider vouches for.
	Token
	// URI is a service beside the Pod that gives keys.
	URI
	// Node has a role.
	Node
)

// Origin is where ambient credentials come from, as an environment chooses it.
type Origin struct {
	Place Place
	// Name says what they are, in words that hold no secret and stay the same.
	Name string
	// Needs are the variables without which there are none.
	Needs Variables
	// Role is the variable with the role of a token or of a node; Provider and TokenFile are those with the rest of a token.
	Role, Provider, TokenFile string
	// Err is why nothing can come of them, as the environment says. It is a *fault.Error.
	Err error
}
