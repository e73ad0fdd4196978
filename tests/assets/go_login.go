// Logs in by Go's ssh with whatever the agent offers, and prints what `echo inside` says.
// usage: go_login PORT USER KNOWN_HOSTS
package main

import (
	"fmt"
	"log"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

func main() {
	socket, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		log.Fatal(err)
	}
	known, err := knownhosts.New(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	config := ssh.ClientConfig{
		User:              os.Args[2],
		Auth:              []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(socket).Signers)},
		HostKeyCallback:   known,
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	}
	client, err := ssh.Dial("tcp", "127.0.0.1:"+os.Args[1], &config)
	if err != nil {
		log.Fatal(err)
	}
	session, err := client.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	output, err := session.Output("echo inside")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(output))
}
