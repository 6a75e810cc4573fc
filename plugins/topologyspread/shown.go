package topologyspread

import (
	"fmt"

	fwk "k8s.io/kube-scheduler/framework"
)

// shownHandle is a scheduler's handle that shows other nodes.
type shownHandle struct {
	fwk.Handle
	nodes *shown
}

// SnapshotSharedLister implements fwk.Handle.
func (h shownHandle) SnapshotSharedLister() fwk.SharedLister { return h.nodes }

// shown are the nodes that Kubernetes' plugin is shown. That asks for nothing but the list of them.
type shown struct{ nodes []fwk.NodeInfo }

func (s *shown) show(nodes []fwk.NodeInfo) { s.nodes = nodes }

// NodeInfos implements fwk.SharedLister.
func (s *shown) NodeInfos() fwk.NodeInfoLister { return s }

// StorageInfos implements fwk.SharedLister.
func (*shown) StorageInfos() fwk.StorageInfoLister { return nil }

// List implements fwk.NodeInfoLister.
func (s *shown) List() ([]fwk.NodeInfo, error) { return s.nodes, nil }

// HavePodsWithAffinityList implements fwk.NodeInfoLister.
func (*shown) HavePodsWithAffinityList() ([]fwk.NodeInfo, error) { return nil, errNotShown }

// HavePodsWithRequiredAntiAffinityList implements fwk.NodeInfoLister.
func (*shown) HavePodsWithRequiredAntiAffinityList() ([]fwk.NodeInfo, error) { return nil, errNotShown }

// Get implements fwk.NodeInfoLister.
func (*shown) Get(string) (fwk.NodeInfo, error) { return nil, errNotShown }

var errNotShown = fmt.Errorf("%s shows Kubernetes' plugin the list of nodes alone", Name)
