extension BootstrapRoles {
  /// What the parts of a cluster and their users need.
  static let forComponents = """
    role system:auth-delegator
      create of tokenreviews in authentication.k8s.io
      create of subjectaccessreviews in authorization.k8s.io
    role system:basic-user
      create of selfsubjectaccessreviews selfsubjectrulesreviews in authorization.k8s.io
      create of selfsubjectreviews in authentication.k8s.io
      to group system:authenticated
    role system:certificates.k8s.io:certificatesigningrequests:nodeclient
      create of certificatesigningrequests/nodeclient in certificates.k8s.io
    role system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
      create of certificatesigningrequests/selfnodeclient in certificates.k8s.io
    role system:certificates.k8s.io:kube-apiserver-client-approver
      approve of signers in certificates.k8s.io named kubernetes.io/kube-apiserver-client
    role system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
      approve of signers in certificates.k8s.io named kubernetes.io/kube-apiserver-client-kubelet
    role system:certificates.k8s.io:kubelet-serving-approver
      approve of signers in certificates.k8s.io named kubernetes.io/kubelet-serving
    role system:certificates.k8s.io:legacy-unknown-approver
      approve of signers in certificates.k8s.io named kubernetes.io/legacy-unknown
    role system:discovery
      get at /api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/
      to group system:authenticated
    role system:heapster
      get list watch of events namespaces nodes pods in core
      get list watch of deployments in extensions
    role system:kube-aggregator
      get list watch of endpoints services in core
    role system:kube-controller-manager
      create patch update of events in core events.k8s.io
      create of leases in coordination.k8s.io
      get update of leases in coordination.k8s.io named kube-controller-manager
      create of secrets serviceaccounts in core
      delete of secrets in core
      get of configmaps namespaces secrets serviceaccounts in core
      update of secrets serviceaccounts in core
      create of tokenreviews in authentication.k8s.io
      create of subjectaccessreviews in authorization.k8s.io
      list watch of * in *
      create of serviceaccounts/token in core
      to user system:kube-controller-manager
    role system:kube-dns
      list watch of endpoints services in core
      to account kube-system/kube-dns
    role system:kube-scheduler
      create patch update of events in core events.k8s.io
      create of leases in coordination.k8s.io
      get list update watch of leases in coordination.k8s.io named kube-scheduler
      create delete deletecollection get list patch update watch of leasecandidates in coordination.k8s.io
      get list watch of nodes in core
      delete get list watch of pods in core
      create of bindings pods/binding in core
      patch update of pods/status in core
      get list watch of replicationcontrollers services in core
      get list watch of replicasets in apps extensions
      get list watch of statefulsets in apps
      get list watch of poddisruptionbudgets in policy
      get list watch of persistentvolumeclaims persistentvolumes in core
      create of tokenreviews in authentication.k8s.io
      create of subjectaccessreviews in authorization.k8s.io
      get list watch of csinodes in storage.k8s.io
      get list watch of volumeattachments in storage.k8s.io
      get list watch of namespaces in core
      get list watch of csidrivers in storage.k8s.io
      get list watch of csistoragecapacities in storage.k8s.io
      get list watch of deviceclasses in resource.k8s.io
      get list patch update watch of resourceclaims in resource.k8s.io
      get list patch update watch of resourceclaims/status in resource.k8s.io
      update of pods/finalizers in core
      get list watch of resourceslices in resource.k8s.io
      create delete of resourceclaims in resource.k8s.io
      patch update of resourceclaims/binding in resource.k8s.io
      to user system:kube-scheduler
    role system:kubelet-api-admin
      get list watch of nodes in core
      proxy of nodes in core
      * of nodes/log nodes/metrics nodes/proxy nodes/stats in core
      * of nodes/configz nodes/healthz nodes/pods in core
    role system:monitoring
      get at /flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz
      get of nodes/metrics in core
      to group system:monitoring
    role system:node
      create of tokenreviews in authentication.k8s.io
      create of localsubjectaccessreviews subjectaccessreviews in authorization.k8s.io
      get list watch of services in core
      create get list watch of nodes in core
      patch update of nodes/status in core
      patch update of nodes in core
      create patch update of events in core events.k8s.io
      get list watch of pods in core
      create delete of pods in core
      patch update of pods/status in core
      create of pods/eviction in core
      get list watch of configmaps secrets in core
      get of persistentvolumeclaims persistentvolumes in core
      get of endpoints in core
      create get list watch of certificatesigningrequests in certificates.k8s.io
      create delete get patch update of leases in coordination.k8s.io
      get of volumeattachments in storage.k8s.io
      create of serviceaccounts/token in core
      get patch update of persistentvolumeclaims/status in core
      get list watch of csidrivers in storage.k8s.io
      create delete get patch update of csinodes in storage.k8s.io
      get list watch of runtimeclasses in node.k8s.io
      get of resourceclaims in resource.k8s.io
      deletecollection of resourceslices in resource.k8s.io
      get of serviceaccounts in core
      to nobody
    role system:node-bootstrapper
      create get list watch of certificatesigningrequests in certificates.k8s.io
    role system:node-problem-detector
      get of nodes in core
      patch of nodes/status in core
      create patch update of events in core events.k8s.io
    role system:node-proxier
      list watch of endpoints services in core
      get list watch of nodes in core
      create patch update of events in core events.k8s.io
      list watch of servicecidrs in networking.k8s.io
      list watch of endpointslices in discovery.k8s.io
      to user system:kube-proxy
    role system:persistent-volume-provisioner
      create delete get list watch of persistentvolumes in core
      get list update watch of persistentvolumeclaims in core
      get list watch of storageclasses in storage.k8s.io
      watch of events in core
      create patch update of events in core events.k8s.io
    role system:public-info-viewer
      get at /healthz /livez /readyz /version /version/
      to group system:authenticated
      to group system:unauthenticated
    role system:service-account-issuer-discovery
      get at /.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/
      to group system:serviceaccounts
    role system:volume-scheduler
      get list patch update watch of persistentvolumes in core
      get list watch of storageclasses in storage.k8s.io
      get list patch update watch of persistentvolumeclaims in core
      to user system:kube-scheduler
    """
}
