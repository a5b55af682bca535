package history

import (
	"errors"

	"github.com/coxswain-io/coxswain/client"
)

// The codes that the state of the namespace can justify.
var (
	codeNoNode                  = codeOf(client.ErrNoNode)
	codeNodeExists              = codeOf(client.ErrNodeExists)
	codeBadVersion              = codeOf(client.ErrBadVersion)
	codeNotEmpty                = codeOf(client.ErrNotEmpty)
	codeNoChildrenForEphemerals = codeOf(client.ErrNoChildrenForEphemerals)
	codeBadArguments            = codeOf(client.ErrBadArguments)
	codeNoSpace                 = codeOf(client.ErrNoSpace) // of a server's disk, not of the namespace: always believed
)

// codeOf returns the code that one of the client's errors is.
func codeOf(err error) client.Code {
	code, _ := errors.AsType[client.Code](err)
	return code
}
