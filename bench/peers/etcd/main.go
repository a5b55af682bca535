// Command etcd is etcd's server, as it comes, for the comparison. It has a module of its own, so that what the server needs
// does not decide which versions the clients get.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
