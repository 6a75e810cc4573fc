package bed

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

// Program describes a program of the project's own that shall run as the given user of this cluster (see Kubeconfig).
// {kubeconfig} in the command stands for the path of the user's kubeconfig, which is also the program's KUBECONFIG.
func (c *Cluster) Program(name, user string, command []string) (supervisor.Process, error) {
	if len(command) == 0 {
		return supervisor.Process{}, fmt.Errorf("program %s: no command", name)
	}
	kubeconfig, err := c.Kubeconfig(user)
	if err != nil {
		return supervisor.Process{}, err
	}
	p := supervisor.Process{Name: name, Cluster: c.Name, Path: command[0], Graceful: true, Env: []string{"KUBECONFIG=" + kubeconfig}}
	for _, argument := range command[1:] {
		p.Args = append(p.Args, strings.ReplaceAll(argument, "{kubeconfig}", kubeconfig))
	}
	return p, nil
}

// SelectNodes returns the names of the nodes with the given labels.
func (c *Cluster) SelectNodes(ctx context.Context, selector string) ([]string, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, nil
}
