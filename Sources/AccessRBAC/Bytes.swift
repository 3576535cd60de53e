// So that every file of this target compares texts by bytes, see `TextByBytes.swift` there.
@_exported public import ByteBuffers
