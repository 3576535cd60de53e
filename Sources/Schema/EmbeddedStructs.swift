/// Structs that Go embeds in others and JSON shows flat, by the struct that they stand in, from the outside in: Go's
/// decoder names them in its complaints.
enum EmbeddedStructs {
  static let names: [String: [String]] = [
    "ConfigMapEnvSource": ["LocalObjectReference"],
    "ConfigMapKeySelector": ["LocalObjectReference"],
    "ConfigMapProjection": ["LocalObjectReference"],
    "ConfigMapVolumeSource": ["LocalObjectReference"],
    "DeviceAllocationConfiguration": ["DeviceConfiguration"],
    "DeviceClaimConfiguration": ["DeviceConfiguration"],
    "DeviceClassConfiguration": ["DeviceConfiguration"],
    "EphemeralContainer": ["EphemeralContainerCommon"],
    "IngressRule": ["IngressRuleValue"],
    "NamedRuleWithOperations": ["RuleWithOperations", "Rule"],
    "PersistentVolumeSpec": ["PersistentVolumeSource"],
    "Probe": ["ProbeHandler"],
    "RuleWithOperations": ["Rule"],
    "SecretEnvSource": ["LocalObjectReference"],
    "SecretKeySelector": ["LocalObjectReference"],
    "SecretProjection": ["LocalObjectReference"],
    "Volume": ["VolumeSource"],
  ]
}
