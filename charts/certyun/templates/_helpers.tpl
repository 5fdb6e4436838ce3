{{- define "certyun.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The prefix of names. Suffixes of up to 23 characters follow, and a Service's name has 63 at most. */}}
{{- define "certyun.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "certyun.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "certyun.solver.name" -}}
{{- include "certyun.fullname" . }}-solver
{{- end -}}

{{/*
The prefix of names that two installs would otherwise share: those of cluster-scoped objects, and of objects in
namespaces that are not the release's own. A colon cannot be in a namespace's name, so no two installs make the same.
*/}}
{{- define "certyun.solver.sharedName" -}}
{{ .Release.Namespace }}:{{ include "certyun.solver.name" . }}
{{- end -}}

{{- define "certyun.solver.serviceAccountName" -}}
{{- if .Values.solver.serviceAccount.create -}}
{{- default (include "certyun.solver.name" .) .Values.solver.serviceAccount.name -}}
{{- else -}}
{{- required "solver.serviceAccount.name is needed when solver.serviceAccount.create is false" .Values.solver.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "certyun.solver.servingSecret" -}}
{{- include "certyun.solver.name" . }}-tls
{{- end -}}

{{- define "certyun.solver.selectorLabels" -}}
app.kubernetes.io/name: {{ include "certyun.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: solver
{{- end -}}

{{- define "certyun.solver.labels" -}}
{{ include "certyun.solver.selectorLabels" . }}
{{ include "certyun.labels" . }}
{{- end -}}

{{/* The labels that all objects have in common. Those of the values come before the chart's own. */}}
{{- define "certyun.labels" -}}
{{- $ours := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/part-of" "certyun" "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $ours "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- toYaml (merge (deepCopy (default dict .Values.commonLabels)) $ours) }}
{{- end -}}

{{/* The labels of a part's Pods beside those that select them. The argument holds the part's values and commonLabels. */}}
{{- define "certyun.podLabels" -}}
{{- toYaml (merge (deepCopy (default dict .values.podLabels)) (default dict .commonLabels) (dict "app.kubernetes.io/part-of" "certyun")) }}
{{- end -}}

{{/* The annotations of a part's Pods. The argument holds the part's values and the name of its container. */}}
{{- define "certyun.podAnnotations" -}}
{{- toYaml (merge (deepCopy (default dict .values.podAnnotations)) (dict "kubectl.kubernetes.io/default-container" .container)) }}
{{- end -}}

{{/* How Pods reach the network, and whom they know by name. The argument holds the part's values. */}}
{{- define "certyun.podNetwork" -}}
{{- with .hostNetwork }}
hostNetwork: true
{{- end }}
{{- with default (ternary "ClusterFirstWithHostNet" "" .hostNetwork) .dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
How Pods are replaced, so that none is missed. In the network of the nodes two cannot have one port, so there one goes before the next
comes. The argument holds the part's values.
*/}}
{{- define "certyun.strategy" -}}
type: RollingUpdate
rollingUpdate:
  maxUnavailable: {{ ternary 1 0 .hostNetwork }}
  maxSurge: {{ ternary 0 1 .hostNetwork }}
{{- end -}}

{{/*
Where Pods run: the argument holds the values of the part (`values`) and the labels that select its Pods (`selector`).
*/}}
{{- define "certyun.scheduling" -}}
{{- $selector := dict "matchLabels" .selector }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range $constraint := . }}
  {{- $ours := ternary (dict) (dict "labelSelector" $selector) (hasKey $constraint "labelSelector") }}
  {{- toYaml (list (merge (deepCopy $constraint) $ours)) | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
GOMEMLIMIT, so that Go frees memory before the container has all that it may: nine tenths of its limit, if it has one and extraEnv does
not say otherwise. The argument holds the part's values. A limit that is written in another way than with a decimal number and a unit
counts whole.
*/}}
{{- define "certyun.memoryLimit" -}}
{{- $units := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $own := false -}}
{{- range .extraEnv }}{{ if eq .name "GOMEMLIMIT" }}{{ $own = true }}{{ end }}{{ end -}}
{{- if not $own }}{{ with .resources }}{{ with .limits }}{{ with .memory }}
{{- $limit := kindIs "string" . | ternary . (printf "%d" (int64 .)) }}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $limit }}
{{- $unit := trimPrefix $number $limit }}
- name: GOMEMLIMIT
  {{- if and $number (hasKey $units $unit) }}
  value: {{ mulf $number (get $units $unit) 0.9 | int64 | quote }}
  {{- else }}
  valueFrom:
    resourceFieldRef:
      resource: limits.memory
  {{- end }}
{{- end }}{{ end }}{{ end }}{{ end -}}
{{- end -}}

{{/* The image has no default, since no registry has one that the project vouches for. */}}
{{- define "certyun.image" -}}
{{- $image := .Values.image -}}
{{- if not (and $image.registry $image.repository) -}}
{{- fail (include "certyun.imageNeeded" .) -}}
{{- end -}}
{{ $image.registry }}/{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- if $image.digest }}@{{ $image.digest }}{{ end -}}
{{- end -}}

{{- define "certyun.imageNeeded" -}}
{{- $image := ternary "image" (print .Chart.Name ".image") .Chart.IsRoot -}}
{{ $image }}.registry and {{ $image }}.repository must both be set: no image of certyun is published yet.
Build one from certyun's source, push it to a registry that your cluster can read, and name it:

  make image IMAGE=registry.example.org/certyun IMAGE_OUTPUT=type=registry
  helm install {{ .Release.Name }} … --set {{ $image }}.registry=registry.example.org --set {{ $image }}.repository=certyun
{{- end -}}

{{- define "certyun.clusterResourceNamespace" -}}
{{- default .Values.certManager.namespace .Values.certManager.clusterResourceNamespace -}}
{{- end -}}

{{/* The namespaces whose Secrets the solver may read, as a JSON list. */}}
{{- define "certyun.secretNamespaces" -}}
{{- default (list (include "certyun.clusterResourceNamespace" .)) .Values.secrets.namespaces | uniq | toJson -}}
{{- end -}}

{{/* "true" when a challenge waits until its record is visible. A time is more than none when it has a digit other than 0. */}}
{{- define "certyun.solver.waits" -}}
{{- if and .Values.solver.enabled (regexMatch "[1-9]" (toString .Values.propagation.timeout)) -}}true{{- end -}}
{{- end -}}

{{/* "true" when a challenge waits until the CA has forgotten an answer without its value. */}}
{{- define "certyun.solver.remembers" -}}
{{- if regexMatch "[1-9]" (toString .Values.ahead.caMemory) -}}true{{- end -}}
{{- end -}}

{{/* Who may use the solver's own identity, as arguments: both servers know it. */}}
{{- define "certyun.ambientArguments" -}}
- --ambient-credentials={{ .Values.ambient.credentials }}
{{- with .Values.ambient.roleArns }}
- {{ printf "--ambient-role-arns=%s" (uniq . | join ",") | quote }}
{{- end }}
{{- end -}}

{{/*
The variables that tell the solver which roles it has, and where the token is that proves who it is. They are named as ACK and TKE name them
(https://help.aliyun.com/zh/ack/ack-managed-and-ack-dedicated/user-guide/use-rrsa-to-authorize-pods-to-access-different-cloud-services,
https://cloud.tencent.com/document/product/457/57285).
*/}}
{{- define "certyun.solver.identity" -}}
{{- with .Values.ambient.alidns }}{{ if .roleArn }}
- name: ALIBABA_CLOUD_ROLE_ARN
  value: {{ .roleArn | quote }}
- name: ALIBABA_CLOUD_OIDC_PROVIDER_ARN
  value: {{ .oidcProviderArn | quote }}
- name: ALIBABA_CLOUD_OIDC_TOKEN_FILE
  value: /var/run/secrets/certyun/alidns/token
{{- end }}{{ end }}
{{- with .Values.ambient.dnspod }}{{ if .roleArn }}
- name: TKE_ROLE_ARN
  value: {{ .roleArn | quote }}
- name: TKE_PROVIDER_ID
  value: {{ .providerId | quote }}
- name: TKE_WEB_IDENTITY_TOKEN_FILE
  value: /var/run/secrets/certyun/dnspod/token
{{- with .region }}
- name: TKE_REGION
  value: {{ . | quote }}
{{- end }}
{{- end }}{{ end }}
{{- end -}}

{{/* The ports of name servers and resolvers, as a JSON list of texts. */}}
{{- define "certyun.solver.dnsPorts" -}}
{{- $ports := list "53" -}}
{{- if include "certyun.solver.waits" . -}}
{{- $ports = append $ports (toString (int .Values.propagation.port)) -}}
{{- range .Values.propagation.nameservers -}}
{{- /* What has two colons or more and no bracket is an IPv6 address alone. */ -}}
{{- with regexFind "^[^:]+:[0-9]+$|\\]:[0-9]+$" . -}}
{{- $ports = append $ports (splitList ":" . | last) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- uniq $ports | toJson -}}
{{- end -}}

{{/*
"true" when cert-manager's own check can be left out of Issuers: the solver waits, and cert-manager knows how to be told.
*/}}
{{- define "certyun.solver.replacesSelfCheck" -}}
{{- $version := default "v1.21.0" .Values.certManager.version -}}
{{- if and (include "certyun.solver.waits" .) (semverCompare ">=1.21.0-0" $version) -}}true{{- end -}}
{{- end -}}

{{/* The one rule about Secrets: read by name, never list or watch. */}}
{{- define "certyun.secretRule" -}}
- apiGroups: [""]
  resources: ["secrets"]
  verbs: ["get"]
  {{- with .Values.secrets.resourceNames }}
  resourceNames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/*
The port of the solver's metrics. Both servers have the same by default, of which a node has one.
*/}}
{{- define "certyun.solver.metricsPort" -}}
{{- $port := int .Values.solver.metrics.port }}
{{- $shared := and .Values.solver.hostNetwork .Values.admission.enabled .Values.admission.hostNetwork .Values.admission.metrics.enabled }}
{{- if and $shared (eq $port (int .Values.admission.metrics.port)) }}
{{- add $port 1 }}
{{- else }}
{{- $port }}
{{- end }}
{{- end }}
