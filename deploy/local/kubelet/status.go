package kubelet

import (
	"context"
	"encoding/json"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// status is what the worker would report now, without the times of its conditions.
func (w *worker) status() corev1.PodStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	status := corev1.PodStatus{
		Phase: corev1.PodPending, HostIP: loopback, HostIPs: []corev1.HostIP{{IP: loopback}},
		PodIP: loopback, PodIPs: []corev1.PodIP{{IP: loopback}}, StartTime: &w.started, Message: w.problem,
	}
	allReady, over, failed := true, true, false
	for _, c := range w.containers {
		one := c.status()
		status.ContainerStatuses = append(status.ContainerStatuses, one)
		allReady = allReady && one.Ready
		over = over && c.over
		failed = failed || c.last != nil && c.last.ExitCode != 0
		if one.State.Running != nil || one.LastTerminationState.Terminated != nil {
			status.Phase = corev1.PodRunning
		}
	}
	switch {
	case over && failed:
		status.Phase = corev1.PodFailed
	case over:
		status.Phase = corev1.PodSucceeded
	}
	status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodReadyToStartContainers, Status: conditionStatus(w.mounted)},
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue},
		{Type: corev1.PodReady, Status: conditionStatus(allReady)},
		{Type: corev1.ContainersReady, Status: conditionStatus(allReady)},
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
	}
	return status
}

func conditionStatus(b bool) corev1.ConditionStatus {
	if b {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}

// status of one container.
func (c *container) status() corev1.ContainerStatus {
	status := corev1.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, ImageID: c.spec.Image, RestartCount: c.restarts, Started: new(bool),
	}
	status.LastTerminationState.Terminated = c.last
	switch {
	case c.over:
		status.State.Terminated, status.LastTerminationState.Terminated = c.last, nil
	case c.running():
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(c.startedAt).Rfc3339Copy()}
		*status.Started = c.prober.started.Load()
		status.Ready = c.prober.ready.Load()
	default:
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: c.reason, Message: c.message}
	}
	return status
}

// reporter writes a Pod's status when it changed.
type reporter struct {
	client kubernetes.Interface
	log    logr.Logger
	last   *corev1.PodStatus
}

// report says whether the API server knows this status. What it does not take now is tried at the next tick.
func (r *reporter) report(ctx context.Context, pod *corev1.Pod, status corev1.PodStatus) bool {
	r.keepTimes(&status)
	if r.last != nil && equality.Semantic.DeepEqual(*r.last, status) {
		return true
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		r.log.Error(err, "report", "pod", podName(pod))
		return false
	}
	_, err = r.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		if ctx.Err() == nil && !apierrors.IsNotFound(err) {
			r.log.Error(err, "report", "pod", podName(pod))
		}
		return false
	}
	r.log.Info("status", "pod", podName(pod), "phase", status.Phase, "containers", status.ContainerStatuses, "problem", status.Message)
	r.last = &status
	return true
}

// keepTimes gives each condition the time of its last change.
func (r *reporter) keepTimes(status *corev1.PodStatus) {
	now := metav1.Now().Rfc3339Copy()
	for i := range status.Conditions {
		condition := &status.Conditions[i]
		condition.LastTransitionTime = now
		if r.last == nil {
			continue
		}
		for _, before := range r.last.Conditions {
			if before.Type == condition.Type && before.Status == condition.Status {
				condition.LastTransitionTime = before.LastTransitionTime
			}
		}
	}
}
