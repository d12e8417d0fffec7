// What of ONNX Runtime is used here, without its types.
export const InferenceSession: any;
export const Tensor: any;
export const env: any;
